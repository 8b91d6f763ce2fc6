---@meta
-- What runtime/lua gives to scripts: connections. For editors; nothing loads this file.

---@class perilune.Certificate
---@field subject string "CN=alice,O=A" (RFC 4514).
---@field issuer string
---@field serial string Lower-case hexadecimal.
---@field fingerprint string SHA-256: 64 lower-case hexadecimal digits.
---@field not_before integer Seconds since 1970.
---@field not_after integer
---@field names string[] The hosts that it is for: names and addresses.
---@field pem string
---@field error? integer Why it is refused, when that is asked: OpenSSL's X509_V_ERR_…, as 20.

--- A connection of a server, from accept through its HTTP requests to the end of its WebSocket, or of
--- a client, which has no channels.
--- After the end, methods return nil, "the connection is closed", "ECLOSED"; what is read stays.
--- Before the handshake those that need a WebSocket return nil, a message, "ESTATE".
---@class perilune.Conn
---@field guid string 32 upper-case hexadecimal digits; nobody can guess it. Read only, as all but `data`.
---@field ip string The peer's.
---@field port integer The peer's.
---@field local_ip string
---@field local_port integer
---@field user? string Who it is, with the server's authentication.
---@field url string The target of the WebSocket's handshake as sent, "/tea?cup=2"; "" before.
---@field protocol string The subprotocol agreed; "" for none.
---@field alpn_protocol string Agreed on in the TLS handshake: "http/1.1"; "" for none, without TLS, and before the first request.
---@field peer_certificate perilune.Certificate? What the peer has shown in the TLS handshake; nil after the end. A new table each time.
---@field transport "http"|"rfc6455"|"hixie76"|"sse"|"tcp" "http" is before a session begins; "sse" an event stream.
---@field last_event_id string? What the client of an event stream got last before it came back.
---@field headers_request table<string, string> Of the handshake: lower-case names, repeats joined by ", ". A new table each time; empty before.
---@field headers_response table<string, string> The same of the answer.
---@field rec_bytes integer Bytes received since the handshake, frame heads included; 0 before.
---@field send_bytes integer Bytes sent since the handshake.
---@field left_out integer Messages that the peer did not get because it read too slowly.
---@field queued_bytes integer Of these, bytes that the system has not taken yet; 0 after the end.
---@field generation integer Counts the loads of the script: that under which it began. 1 is the first.
---@field data table The application's own; another table may be assigned.
local Conn = {}

---@class perilune.Conn.Manner
---@field size? integer Send in fragments of so many bytes.
---@field id? string Of the event, for event streams; without CR, LF and NUL, as `event`.
---@field event? string Its type.
---@field retry? number Seconds until the client comes back when the stream breaks: 0 to 86400.

--- Sends a text message.
---@param text string UTF-8.
---@param size? integer|perilune.Conn.Manner Send in fragments of so many bytes, default whole; or how.
---@return true? ok Taken: it leaves at the end of the loop's turn, or waits.
---@return string? state_or_message "buffered": limits.high_water bytes wait; OnDrain comes when it is better.
---@return string? code "ECLOSED", "EUTF8", "ELIMIT" (limits.send_queue is full: the connection is dropped) or "ENOMEM"
function Conn:write(text, size) end

--- Sends a binary message.
---@param bytes string
---@param size? integer|perilune.Conn.Manner
---@return true? ok
---@return string? state_or_message
---@return string? code
function Conn:write_binary(bytes, size) end

--- Waits until the system has taken all that was written before, to a WebSocket or as an answer of
--- HTTP. Throws where waiting is impossible.
---@param timeout? number Seconds, above 0, at most 86400; default none.
---@return true? ok
---@return string? message
---@return string? code "ETIMEDOUT" (the connection stays), "ECLOSED" or "ENOMEM"
function Conn:flush(timeout) end

--- Sends Close behind what was written, then waits up to limits.close_timeout for the peer's, in the
--- background: the call returns at once. On HTTP the connection ends after its present answer.
---@param code? integer 1000 to 1003, 1007 to 1014 or 3000 to 4999; default 1000; -1 for none. Others throw.
---@param reason? string UTF-8, cut at 123 bytes.
---@return true? ok
---@return string? message
---@return string? code "ECLOSED"
function Conn:close(code, reason) end

--- Sends Close if output is not blocked, and closes without waiting for the peer's.
---@param code? integer As close.
---@return true? ok
---@return string? message
---@return string? code "ECLOSED"
function Conn:disconnect(code) end

--- Subscribes to a channel; once more has no effect.
---@param channel string 1 to 1024 bytes; others throw.
---@return true? ok
---@return string? message
---@return string? code "ECLOSED", "ELIMIT" (limits.channels_per_connection), "ENOTSUP" (a client's) or "ENOMEM"
function Conn:subscribe(channel) end

---@param channel string
---@return boolean? was_subscribed
---@return string? message
---@return string? code "ECLOSED"
function Conn:unsubscribe(channel) end

--- Of plain TCP: these bytes, behind those that were named before, end a message from now on.
---@param bytes string 1 to 32 in all; others throw.
---@param scan? "all_bytes"|"latest_bytes" Default "all_bytes".
---@return true? ok
---@return string? message
---@return string? code "ESTATE": it is no plain TCP; "ECLOSED"
function Conn:add_tcp_end_of_frame(bytes, scan) end

--- Sends a ping. With a timeout it waits for the answer, and disconnects who gives none.
---@param timeout? number Seconds, above 0, at most 86400.
---@return true? ok
---@return string? message
---@return string? code "ECLOSED", "ETIMEDOUT" or "ENOMEM"
function Conn:ping(timeout) end
