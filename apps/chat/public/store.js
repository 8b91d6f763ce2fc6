/** What the page remembers. A browser that forbids it still runs the chat. */

const prefix = "perilune.chat.";

function wrap(storage) {
  return {
    read(key, fallback) {
      try {
        return JSON.parse(storage().getItem(prefix + key)) ?? fallback;
      } catch {
        return fallback;
      }
    },
    write(key, value) {
      try {
        storage().setItem(prefix + key, JSON.stringify(value));
      } catch {
        // Forbidden or full: it is remembered until the page goes.
      }
    },
  };
}

/** For this browser: the name, the rooms visited, the ids of the messages sent. */
export const browser = wrap(() => localStorage);

/** For this tab: the messages that are still to be sent. */
export const tab = wrap(() => sessionStorage);
