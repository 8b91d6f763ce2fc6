---@meta
-- What runtime/lua gives to scripts: clients. For editors; nothing loads this file.
-- lua/perilune/client.lua has `client.new`.

---@class perilune.client.Options
---@field url? string "ws://", "wss://", "tcp://" or "tls://"; excludes host, port and parameters.
---@field host? string A name or an IP address.
---@field port? integer 1 to 65535, default 80, 443 with TLS.
---@field parameters? string Path and query, "/tea?cup=2". Default "/".
---@field servers? string[] URLs that are tried in turn when one fails; `url` or `host` is the first.
---@field tls? boolean|perilune.client.TLS For `host`: whether. A table: how.
---@field protocols? string[] WebSocket subprotocols that are asked for, the first is preferred.
---@field origin? string The Origin header. Default none.
---@field headers? table<string, string|number|(string|number)[]> Further headers of the handshake; a list repeats the line.
---@field proxy? string|perilune.ProxyOptions|false "socks5://user:password@host:1080", "http://host:3128", "environment". Default none.
---@field authentication? perilune.client.Authentication|false
---@field watchdog? perilune.client.Watchdog|false Connect again. Off by default.
---@field keep_messages? boolean Messages wait for the next connection. Default false.
---@field heartbeat? perilune.server.Heartbeat|false On by default.
---@field redirects? perilune.client.Redirects|false Followed by default.
---@field connect_timeout? number Seconds for one server, from resolving to the end of the handshake: 0.01 to 86400, default 10.
---@field guard? boolean Connect to public addresses only. Default false.
---@field options? perilune.client.Switches
---@field end_of_frame? string|perilune.client.EndOfFrame Of tcp:// and tls://: where a message ends. Default: what comes together.
---@field extensions? perilune.client.Extensions Compression is offered when it is on.
---@field tcp_keepalive? { time?: integer, interval?: integer, count?: integer }|false Whole seconds: 7200, 1, 9. Off by default.
---@field linger_state? -1|0 0: connections that we close are reset. Default -1.
---@field log_file? string|perilune.server.LogFile|false A line for each message. Off by default.
---@field queue_options? perilune.server.QueueOptions What goes first when output waits.
---@field throttle? { read?: integer|false, write?: integer|false }|false Bits per second, 1000 to 10^12. Off by default.
---@field bound_ip? string The address to connect from.
---@field bound_port_min? integer The first port to connect from, with `bound_port_max` the last. 0: any.
---@field bound_port_max? integer
---@field limits? perilune.client.Limits

---@class perilune.client.TLS
---@field verify? boolean Default true; false takes any certificate of anybody.
---@field verify_depth? integer Authorities between the server and a root: 0 to 100, default 100.
---@field root_cert_file? string PEM, or a folder: the authorities that are believed. Default: the system's.
---@field crl_file? string PEM: revocation lists.
---@field host_name? string Asked for and verified in place of the URL's.
---@field cert_file? string Our own certificate: PEM or P12.
---@field key_file? string PEM. Default: in cert_file.
---@field p12_file? string PKCS #12, in place of both.
---@field legacy? boolean The P12 file's ciphers may be old. Default false.
---@field password? string Of the key, or the P12 file.
---@field min_version? "1.0"|"1.1"|"1.2"|"1.3" Default "1.2".
---@field max_version? "1.0"|"1.1"|"1.2"|"1.3"
---@field cipher_list? string
---@field curves? string
---@field alpn? string[] The protocols that are offered, the first is preferred.
---@field sessions? integer|false Hosts whose sessions are kept to be resumed: 1 to 1024, default 64.

---@class perilune.client.Authentication
---@field user? string
---@field password? string
---@field basic? boolean Authorization: Basic; what user and password mean by default.
---@field session? boolean A session that the server gives for user and password.
---@field url? boolean User and password in the URL.
---@field token? perilune.client.Token|false Authorization: Bearer.

---@class perilune.client.Token One of auth_token, oauth2 and jwt.
---@field auth_name? string Default "Bearer".
---@field auth_token? string|fun(): string?, string?, string? A function returns the token, or nil, a message, a code; it may wait.
---@field oauth2? perilune.client.TokenSource
---@field jwt? perilune.client.TokenSource

---@class perilune.client.TokenSource
---@field get_token fun(self: any): string?, string?, string? The token, or nil, a message, a code; it may wait.

---@class perilune.client.Extensions
---@field permessage_deflate? perilune.server.Deflate|false Offers compression (RFC 7692). Off by default.
---@field deflate_frame? perilune.server.Deflate|false Offers deflate-frame and x-webkit-deflate-frame, which were before it. Off by default; server_no_context_takeover is false by default.

---@class perilune.client.Watchdog
---@field interval? number Seconds before the first attempt: 0.01 to 86400, default 10.
---@field attempts? integer In a row; default 0: without end.
---@field factor? number By which each interval is longer than the one before: 1 to 10, default 1.
---@field max_interval? number Seconds: 0.01 to 86400, default 300 or interval.
---@field jitter? boolean Each interval is a random part of itself. Default false.
---@field held? number Seconds that a connection has to hold for the attempts to begin anew: 0 to 86400, default 10.

---@class perilune.client.EndOfFrame
---@field bytes string 1 to 32.
---@field scan? "all_bytes"|"latest_bytes" Default "all_bytes"; "latest_bytes": when they are the last that have come.
---@field strip? boolean Messages come without them. Default false.

---@class perilune.client.Redirects
---@field max? integer In a row: 1 to 100, default 5.
---@field to_plain? boolean From TLS to no TLS, too. Default false.
---@field to_private? boolean From public to private addresses, too. Default false.

---@class perilune.client.Switches
---@field fragmented_messages? "only_buffer"|"only_fragmented"|"all" As on servers.
---@field raise_disconnect_exceptions? boolean The end of a connection that the script did not end raises OnException too. Default true.
---@field clean_disconnect? boolean stop and disconnect wait for the answer to our Close. Default true.

---@class perilune.client.Limits
---@field message? integer Bytes of a message: 1 to 1073741824, default 16777216. More: Close 1009.
---@field fragments? integer Fragments of a message: 1 to 1073741824, default 65536.
---@field fragmented_bytes? integer As on servers.
---@field pending_events? integer Messages that wait for a handler: 1 to 65536, default 64. Then reading pauses.
---@field high_water? integer Bytes queued from which write says "buffered": default 1048576.
---@field low_water? integer Bytes queued at which OnDrain comes: default 262144.
---@field send_queue? integer Bytes queued: default 16777216. More: the connection is dropped.
---@field kept_messages? integer Bytes of messages that are kept: 0 to 1073741824, default 16777216.
---@field message_log? integer Bytes of log_file that the disk has not taken: 1024 to 1073741824, default 16777216.
---@field header_block? integer Bytes of the head of an answer: 256 to 1048576, default 32768.
---@field header_count? integer Header fields of an answer: 1 to 100, default 100.
---@field request_line? integer Bytes of its status line: 64 to 1048576, default 8192.
---@field write_timeout? number Seconds that blocked output may stand still: 0.01 to 86400, default 30.
---@field close_timeout? number Seconds for the answer to a Close frame: 0.01 to 86400, default 5.

--- A client. Events are assigned like fields; `nil` takes a handler away. Every handler runs in a
--- coroutine of its own and may wait. Properties that are assigned take effect with the next
--- connection.
---@class perilune.Client
---@field active boolean It was started, and has neither ended nor given up. Read only.
---@field connected boolean Messages can be sent. Read only.
---@field conn perilune.Conn? The connection; nil while there is none. Read only.
---@field url string? Where to, when it is not by `servers` alone.
---@field host string?
---@field port integer?
---@field parameters string? Path and query.
---@field tls boolean|perilune.client.TLS Reads as a boolean.
---@field servers string[] Write only, as the next three.
---@field headers table<string, string|number|(string|number)[]>
---@field authentication perilune.client.Authentication|false
---@field proxy string|perilune.ProxyOptions|false
---@field OnBeforeConnect? fun() A server is about to be tried. Properties assigned here take effect at once.
---@field OnSSLVerifyPeer? fun(conn: nil, certificate: table, error: string?): accept: boolean? The server's certificate and what speaks against it. nil: the error counts.
---@field OnHandshake? fun(conn: nil, headers: table<string, string>): table<string, string|number|string[]>|false|nil The handshake is about to be sent: a table of more headers, or false not to.
---@field OnConnect? fun(conn: perilune.Conn) It is connected.
---@field OnDisconnect? fun(conn: perilune.Conn, code: integer, reason: string) Last and once for a connection.
---@field OnMessage? fun(conn: perilune.Conn, text: string) A text message, valid UTF-8.
---@field OnBinary? fun(conn: perilune.Conn, bytes: string)
---@field OnFragmented? fun(conn: perilune.Conn, bytes: string, opcode: "text"|"binary", continuation: boolean)
---@field OnBeforeHeartBeat? fun(conn: perilune.Conn): handled: boolean? The heartbeat is due. True: no ping is sent.
---@field OnBeforeWatchDog? fun(attempt: integer): handled: boolean? It is about to connect again. True: it does not, and stops.
---@field OnPing? fun(conn: perilune.Conn, bytes: string) The peer has sent a ping; it has been answered.
---@field OnDrain? fun(conn: perilune.Conn) After `true, "buffered"`: what was queued has fallen to limits.low_water.
---@field OnError? fun(conn: perilune.Conn?, message: string, code: string, status: integer?) A server could not be connected to (no conn; the status of its HTTP answer), or broke the protocol.
---@field OnException? fun(conn: perilune.Conn?, message: string) A handler threw; or a connection ended that the script did not end.
local Client = {}

--- Begins to connect, and returns at once.
---@param options? { worker?: integer } In this worker only; default in each.
---@return true? ok
---@return string? message
---@return string? code "ESTATE" (started already), "ECANCELED" (the program is ending), "ENOMEM", or of the files of `tls`
function Client:start(options) end

--- Disconnects for good, and returns at once.
---@return true? ok
---@return string? message
---@return string? code "ESTATE"
function Client:stop() end

--- Starts the client if it is not, and waits until it is connected.
---@param timeout? number Seconds, above 0, at most 86400. Default: as long as its servers have.
---@return true? ok
---@return string? message "127.0.0.1:8080: connection refused"
---@return string? code
function Client:connect(timeout) end

--- Stops the client, and waits until its connection is closed.
---@param timeout? number Seconds, above 0, at most 86400; default 10.
---@return true? ok
---@return string? message
---@return string? code "ETIMEDOUT" or "ENOMEM"
function Client:disconnect(timeout) end

--- Sends a text message.
---@param text string UTF-8.
---@param size? integer Send in fragments of so many bytes; default whole.
---@return true? ok
---@return string? state_or_message "buffered" as conn:write; "kept": it waits for a connection.
---@return string? code "ECLOSED", "EUTF8", "ELIMIT" or "ENOMEM"
function Client:write(text, size) end

--- Sends a binary message.
---@param bytes string
---@param size? integer
---@return true? ok
---@return string? state_or_message
---@return string? code
function Client:write_binary(bytes, size) end

--- Sends a text, and waits for the next text from the server, which raises no event.
---@param text string UTF-8.
---@param timeout? number Seconds, above 0, at most 86400; default 10.
---@return string? answer
---@return string? message
---@return string? code "ECLOSED", "ETIMEDOUT", "EUTF8", "ENOTSUP", "ELIMIT" or "ENOMEM"
function Client:write_and_wait(text, timeout) end

--- The same with binary messages.
---@param bytes string
---@param timeout? number
---@return string? answer
---@return string? message
---@return string? code
function Client:write_binary_and_wait(bytes, timeout) end

--- As conn:ping.
---@param timeout? number Seconds, above 0, at most 86400.
---@return true? ok
---@return string? message
---@return string? code "ECLOSED", "ETIMEDOUT" or "ENOMEM"
function Client:ping(timeout) end

--- Makes the client ask for one more subprotocol, from the next connection on.
---@param name string A token; others throw. One that it asks for already changes nothing.
---@return true? ok
---@return string? message
---@return string? code "ELIMIT": there are 64.
function Client:register_protocol(name) end
