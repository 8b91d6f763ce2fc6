/** What a person has to know, with what can be done about it. Texts are texts, never HTML. */

const MOST = 5;

export class Notices {
  #holder;

  constructor(holder) {
    this.#holder = holder;
  }

  /**
   * @param {"info" | "conflict"} kind
   * @param {string} text
   * @param {Object<string, function>} actions what buttons say, and do; each also closes the notice
   * @param {string} close what the button says that only closes it
   */
  add(kind, text, actions = {}, close = "Close") {
    const notice = document.createElement("div");
    notice.className = `notice ${kind}`;
    const words = document.createElement("p");
    words.textContent = text;
    notice.append(words);
    for (const [label, action] of Object.entries({ ...actions, [close]: () => {} })) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.addEventListener("click", () => {
        notice.remove();
        action();
      });
      notice.append(button);
    }
    this.#holder.append(notice);
    while (this.#holder.childElementCount > MOST) {
      this.#holder.firstElementChild.remove();
    }
    return notice;
  }
}
