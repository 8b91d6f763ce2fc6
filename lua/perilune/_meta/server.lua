---@meta
-- What runtime/lua gives to scripts: servers, requests and responses. For editors;
-- nothing loads this file. lua/perilune/server.lua has `server.new`.

---@class perilune.server.Options
---@field host? string An IP address, "localhost" (127.0.0.1 and ::1) or "*" (all addresses). Default "127.0.0.1"; "0.0.0.0" is all of IPv4, "::" all of IPv6.
---@field port? integer 0 to 65535, default 8080; 0 picks a free one.
---@field bindings? string|(string|perilune.server.Binding)[] Several addresses and ports: "127.0.0.1:80,[::1]:80", or a list of such texts and of tables. Default: one, of host and port.
---@field protocols? string[] The WebSocket subprotocols it speaks, tokens. Default: none, and any handshake is taken.
---@field document_root? string A folder whose files are served; a relative one is beside the script.
---@field files? perilune.server.Files How they are sent.
---@field security_options? { origins_allowed?: string[], trusted_proxies?: string[] } Origins whose pages may open a WebSocket;
--- "http://host:*" means any port. Default empty: all. Proxies ("10.0.0.0/8") whose word on their clients is handed on; default: none.
---@field forward? perilune.server.ForwardRule[] What lies below a path is answered by another server.
---@field fallback? { server_sent_events?: perilune.server.EventStreams|boolean, flash?: { domain?: string, ports?: string }|boolean }|false Event streams, on by default; the policy file of Flash Player, off by default.
---@field headers? table<string, string|number|string[]> Headers of every HTTP answer that has none of that name.
---@field authentication? boolean|perilune.server.Authentication Who may use the server. Default false.
---@field http_upload_files? perilune.server.UploadFiles Uploads are received before OnCommandGet. Off by default.
---@field session_state? boolean|perilune.server.SessionState HTTP sessions. Default false.
---@field auto_start_session? boolean A request without a session begins one. Default true.
---@field session_timeout? number Seconds without a request, then it ends: 0.1 to 2592000, default 1200.
---@field end_of_frame? string|{ bytes: string, scan: "all_bytes"|"latest_bytes"|nil, strip: boolean? } Where messages of plain TCP end; default: whatever arrives together.
---@field software? string|false The Server header. Default "Perilune"; false leaves it out.
---@field heartbeat? perilune.server.Heartbeat|false On by default; false turns it off.
---@field options? perilune.server.Switches
---@field tls? perilune.server.TLS|string|false Off by default. A string is a folder with cert.pem and key.pem, as `perilune cert` makes it.
---@field keep_alive? boolean|{ header?: boolean } HTTP connections go on after an answer. Default true; `header` (default false) tells clients for how long.
---@field tcp_keepalive? { time?: integer, interval?: integer, count?: integer }|false Whole seconds. Off by default; a table, also an empty one, turns it on: 7200, 1, 9.
---@field linger_state? -1|0 0: connections that we close are reset when all was sent. Default -1.
---@field queue_options? perilune.server.QueueOptions What goes first when output waits. Default: the order of the calls.
---@field slow_consumers? perilune.server.SlowConsumers What becomes of messages for who reads too slowly. Default: the connection is dropped.
---@field log_file? string|perilune.server.LogFile|false A line for each message. Off by default.
---@field throttle? perilune.server.Throttle|false Off by default.
---@field dashboard? perilune.server.Dashboard|false The operator's page. Off by default.
---@field watchdog? perilune.server.Watchdog|false Starts it again when it has stopped by itself. Off by default.
---@field metrics? boolean|perilune.server.Metrics Numbers for Prometheus, health, readiness. Default false.
---@field extensions? perilune.server.Extensions
---@field specifications? perilune.server.Specifications
---@field limits? perilune.server.Limits

---@class perilune.server.Forward Where a request is forwarded, and what is changed.
---@field url string http, https, ws or wss; a path is put in front of the request's.
---@field document? string The path, as text. Default: the request's.
---@field query_params? string|table<string, any> Default: the request's; "": none.
---@field host? string The header Host. Default: that of the URL.
---@field origin? string|false The header Origin. Default: the client's.
---@field custom_headers? table<string, string|number|string[]|false> In place of the client's of the same name.
---@field no_cache? boolean Cache-Control: no-cache. Default true.
---@field log_filename? string Both heads, without secrets, and both bodies.
---@field tls? perilune.client.TLS Of an https URL.
---@field guard? boolean Only public addresses: for URLs that are made of a request. Default false.
---@field timeouts? perilune.server.ForwardTimeouts

---@class perilune.server.ForwardTimeouts Seconds; false: no limit.
---@field resolve? number|false Default 10.
---@field connect? number|false Default 10.
---@field first_byte? number|false Default 60.
---@field idle? number|false Default 60.
---@field total? number|false Default false.
---@field continue? number|false For the other server's 100 (Continue). Default 1.
---@field tunnel? number|false Silence in both directions of a WebSocket. Default 300.

---@class perilune.server.ForwardRule: perilune.server.Forward
---@field path string Of the requests: this one and what lies below it.
---@field strip_path? boolean It is taken off the request's path. Default false.

---@class perilune.server.UploadFiles
---@field stream_type? "memory"|"file" Where files go. Default "memory".
---@field min_size? integer Bytes; with "file", smaller ones stay in memory. Default 0.
---@field save_directory? string Of "file"; a relative one is beside the script. Default: the script's folder.
---@field remove_boundaries? boolean Forms are taken apart. Default true; false: the body is one file, as it comes.

---@class perilune.server.EventStreams
---@field retry? number Seconds until a client comes back: 0 to 86400, default 3.
---@field raw_fields? boolean Texts that are made of fields go out as them. Default false.
---@field greet_all? boolean Every client gets a token as its first message. Default false.

---@class perilune.server.Watchdog
---@field interval? number Seconds between two looks: 0.1 to 86400, default 60.
---@field attempts? integer To start it again, one after the other; default 0: without end.
---@field monitor? boolean|{ timeout?: number } Also connects, as a client; seconds for that, 0.1 to 3600, default 10. Default false.

---@class perilune.server.Dashboard
---@field port integer 0 picks a free one, and the log says which.
---@field host? "127.0.0.1"|"::1" Default "127.0.0.1".

---@class perilune.server.Metrics
---@field path? string Default "/metrics".
---@field health? string|false Default "/healthz".
---@field ready? string|false Default "/readyz".
---@field port? integer A port apart for these three, 0 picks a free one. Default: the server's own.
---@field host? string Where that port is. Default "127.0.0.1".
---@field token? string 16 bytes or more, which the numbers then need. Default: on the server's own port they are for this machine.

---@class perilune.server.LogFile
---@field file_name string A relative name is one beside the script.
---@field raw? boolean Texts in hex, too. Default false.

---@alias perilune.server.QueueLevel "none"|"level1"|"level2"|"level3"

---@class perilune.server.QueueOptions "none" goes first, then "level1" to "level3". Default "none".
---@field text? perilune.server.QueueLevel
---@field binary? perilune.server.QueueLevel
---@field ping? perilune.server.QueueLevel

---@alias perilune.server.SlowPolicy "close"|"drop_oldest"|"conflate"

---@class perilune.server.SlowChannel
---@field channel string 1 to 1024 bytes; with "*" at its end all that begin so.
---@field policy? perilune.server.SlowPolicy Default "close".
---@field messages? integer|false Of "drop_oldest": that wait at most, 1 to 2^20. Default false: as many as fit.

---@class perilune.server.SlowConsumers What becomes of messages that find limits.send_queue full.
---@field policy? perilune.server.SlowPolicy Of what no rule is for. Default "close".
---@field messages? integer|false
---@field channels? perilune.server.SlowChannel[] At most 100; the first that fits counts.

---@class perilune.server.Throttle Bits per second; false and nothing: no bound.
---@field read? integer|false Of each connection, 1000 to 10^12.
---@field write? integer|false
---@field total? { read?: integer|false, write?: integer|false } Of all together, 100000 to 10^12; each worker has its part.

---@class perilune.server.TLS
---@field port? integer A port of its own for TLS, 0 picks a free one: then `port` stays plain. Default: `port` speaks TLS.
---@field cert_file? string PEM: the certificate, then those that lead to its authority; or a P12 file (.p12, .pfx). Relative paths are beside the script.
---@field key_file? string PEM; default: in cert_file.
---@field p12_file? string PKCS #12, in place of both: certificate, key and authorities.
---@field legacy? boolean The P12 file's ciphers may be RC2, RC4 and single DES. Default false.
---@field password? string Of an encrypted key or the P12 file.
---@field min_version? "1.0"|"1.1"|"1.2"|"1.3" Default "1.2".
---@field max_version? "1.0"|"1.1"|"1.2"|"1.3" Default: the newest.
---@field cipher_list? string Names of TLS 1.2 and 1.3, separated by ":", "," or blanks. A version of which it names none keeps its default.
---@field curves? string In the same way; default "X25519:P-256:P-384".
---@field verify_certificate? boolean Ask clients for a certificate, and refuse a bad one. Default false.
---@field fail_if_no_peer_certificate? boolean Refuse who has none. Default false.
---@field root_cert_file? string PEM: the authorities of clients; without it OnSSLVerifyPeer decides. Or a folder of .pem, .crt and .cer files.
---@field crl_file? string PEM: revocation lists, one of each authority of clients; then clients without a valid list are refused.
---@field verify_client_once? boolean Default true. Clients are asked when they connect and never again, for renegotiation is off.
---@field reload_interval? number|false Seconds between two looks at the files, which are used anew when they have changed: 0.1 to 86400, default 10; false: never.
---@field ticket_lifetime? integer|false Seconds for which a session may be resumed: 1 to 604800, default 43200; false: no tickets.
---@field verify_depth? integer Authorities between a client's certificate and a root: 0 to 100, default 100.
---@field sni? table<string, perilune.server.Identity> Certificates of other host names; "*.a.example" is any one label.

---@class perilune.server.Binding
---@field host? string Default: the server's.
---@field port? integer Default: the server's.
---@field tls? boolean|string|perilune.server.TLS false: plain; true: the server's `tls`; a folder or a table (without `port`): its own. Default: the server's, or only where the port is its `tls.port`.

---@class perilune.server.Identity
---@field cert_file? string
---@field key_file? string
---@field p12_file? string
---@field legacy? boolean
---@field password? string

---@class perilune.server.Specifications
---@field hixie76? boolean WebSockets of draft-hixie-thewebsocketprotocol-76, too. Default false.

---@class perilune.server.Extensions
---@field permessage_deflate? perilune.server.Deflate|false Compression (RFC 7692). Off by default; a table, also an empty one, offers it.
---@field deflate_frame? perilune.server.Deflate|false The older deflate-frame and x-webkit-deflate-frame. Off by default; client_no_context_takeover is false by default.

---@class perilune.server.Deflate
---@field server_no_context_takeover? boolean Each message of the server is compressed for itself. Default true; false takes memory for each connection.
---@field client_no_context_takeover? boolean The same for the client's. Default true.
---@field server_max_window_bits? integer 8 to 15, default 15.
---@field client_max_window_bits? integer 8 to 15, default 15. With less, clients that cannot limit theirs get no compression.
---@field mem_level? integer zlib's memory: 1 to 9, default 8.
---@field level? integer zlib's effort: 1 to 9, default 6.

---@class perilune.server.Files
---@field cache_control? string The Cache-Control header, as "max-age=3600". Default: none.
---@field precompressed? boolean NAME.br and NAME.gz stand for NAME where the client accepts them. Default true.
---@field gzip? perilune.server.Gzip|false Compress texts. On by default.

---@class perilune.server.Gzip
---@field level? integer 1 to 9, default 6.
---@field min_size? integer Bytes from which on a text is compressed: 1 to 1073741824, default 1024.

---@class perilune.server.Heartbeat
---@field interval? number Seconds, 0.1 to 86400, default 25.
---@field timeout? number Seconds from a ping to any sign of life, 0 to 86400, default 25; 0 never closes.
---@field type? "if_no_message"|"always" Default "if_no_message": ping only who has sent nothing for an interval.

---@class perilune.server.Switches
---@field html_files? boolean Serve the built-in page and style sheet. Default true.
---@field javascript_files? boolean Serve the built-in libraries. Default true.
---@field fragmented_messages? "only_buffer"|"only_fragmented"|"all" Default "only_buffer": OnMessage and OnBinary with whole messages. "only_fragmented": OnFragmented with each fragment instead. "all": OnFragmented with all bytes so far, then OnMessage or OnBinary.
---@field raise_disconnect_exceptions? boolean A WebSocket that ends because the peer broke the protocol raises OnException too. Default true.

---@class perilune.server.Limits
---@field request_line? integer Bytes of an HTTP request line: 64 to 1048576, default 8192. More: 414.
---@field header_block? integer Bytes of all header fields: 256 to 1048576, default 32768. More: 431.
---@field header_count? integer Header fields: 1 to 100, default 100. More: 431.
---@field body? integer Bytes of a request body as request.body: 0 to 1073741824, default 1048576. More: 413.
---@field body_window? integer Bytes of a request body that wait for request:read: 1024 to 1073741824, default 65536. More: the client is held up.
---@field message? integer Bytes of a WebSocket message: 1 to 1073741824, default 16777216. More: Close 1009.
---@field fragmented_bytes? integer Bytes that OnFragmented gets of one message with fragmented_messages = "all": 1 to 1099511627776, default 1073741824. More: Close 1009.
---@field fragments? integer Fragments of a message: 1 to 1073741824, default 65536. More: Close 1009.
---@field pending_events? integer Messages that wait for a handler: 1 to 65536, default 64. Then reading pauses.
---@field pipelined? integer Requests begun for one read: 1 to 65536, default 32. The rest waits a turn.
---@field high_water? integer Bytes queued from which write says "buffered": 1024 to 1073741824, default 1048576.
---@field low_water? integer Bytes queued at which OnDrain comes: 0 to 1073741824, default 262144.
---@field send_queue? integer Bytes queued: 1024 to 1073741824, default 16777216. More: the connection is dropped.
---@field message_log? integer Bytes of log_file that the disk has not taken: 1024 to 1073741824, default 16777216.
---@field connections? integer Of the server: 1 to 16777216, default 100000. More are turned away.
---@field connections_per_address? integer 1 to 16777216, default 1024. IPv6 counts by its /64.
---@field channels_per_connection? integer 1 to 1048576, default 1024. More: subscribe fails with "ELIMIT".
---@field file_cache? integer Bytes that keep served files: 0 to 1073741824, default 16777216. The least used make room.
---@field cached_file? integer Bytes of a file kept with its content: 0 to 1073741824, default 131072. Larger ones are read each time.
---@field gzip_file? integer Bytes of a file that is compressed: 0 to 1073741824, default 4194304. Larger ones are sent as they are.
---@field ranges? integer Ranges of a request for a file: 0 to 64, default 16. With more the whole file is sent.
---@field failed_logins? integer Wrong passwords of one client address: 1 to 1048576, default 20. Then 429.
---@field failed_login_time? number Seconds within which these count: 0.01 to 86400, default 60.
---@field password_hashes? integer Passwords hashed at a time: 1 to 64, default 2.
---@field password_queue? integer Passwords that wait to be hashed: 1 to 65536, default 128. More: 503.
---@field login_sessions? integer Sessions of authentication: 1 to 16777216, default 65536. More: 503.
---@field login_sessions_per_user? integer 1 to 16777216, default 1024. More: the oldest ends.
---@field handshake_timeout? number Seconds for a TLS handshake, OnTCPConnect, OnHandshake, an authentication and the end of a Hixie-76 handshake: 0.01 to 86400, default 10. Then it is closed, or answered 503.
---@field tls_handshakes? integer Steps of TLS handshakes in a turn of the loop: 1 to 65536, default 16. The others wait.
---@field header_timeout? number Seconds for a request head, from its first byte: 0.01 to 86400, default 10. Then 408.
---@field body_timeout? number Seconds of silence, or of less than 500 bytes a second, in a request body that is awaited: 0.01 to 86400, default 30. Then 408.
---@field keep_alive? number Seconds of an idle HTTP connection: 0.01 to 86400, default 60. Then it is closed.
---@field keep_alive_requests? integer Requests of an HTTP connection: 1 to 1073741824, default 1000000. Then it is closed.
---@field write_timeout? number Seconds that blocked output may stand still: 0.01 to 86400, default 30. Then it is closed.
---@field close_timeout? number Seconds for the answer to a Close frame: 0.01 to 86400, default 5. Then it is dropped.
---@field drain_time? number Seconds over which a server that stops ends its sessions: 0 to 86400, default 0: all at once.
---@field accept_rate? integer Connections taken in a second, 1 to 2^20, default 2^20; others wait. Each worker has its part.

---@class perilune.server.Authentication
---@field auth_users? table<integer|string, string> "user=password" lines, or names as keys; passwords plain or of `perilune password`.
---@field basic? boolean Authorization: Basic. Default true.
---@field session? boolean|{ lifetime?: number } Tokens; seconds, 1 to 2592000, default 3600. Default true.
---@field url? boolean User and password in the path. Default true.
---@field realm? string Default "Perilune".
---@field public_paths? string[] "/login", "/public/*": pages there need none.
---@field custom_headers? table<string, string|number|string[]> Of refusals.

---@class perilune.server.Command What OnBeforeCommand gets.
---@field command string
---@field document string
---@field query string
---@field version string
---@field headers table<string, string>

---@class perilune.server.SessionState
---@field cookie? string Its name; default "perilune_session".
---@field domain? string
---@field same_site? "Strict"|"Lax"|"None" Default "Lax".
---@field secure? boolean Default: whether the port has TLS.
---@field max_sessions? integer In all workers: 1 to 10000000, default 10000.

--- A server. Events are assigned like fields; `nil` takes a handler away. Every handler runs in a
--- coroutine of its own and may wait. Events of one connection come one at a time, in order.
---@class perilune.Server
---@field active boolean Whether it is started. Read only.
---@field bindings { host: string, port: integer, tls: boolean }[] Each address, as bound while it is active, else as asked for. A new list each time. Read only.
---@field host string Of the first binding, as asked for. Read only.
---@field port integer Of the first binding, as bound while it is active, else as asked for. Read only.
---@field tls_port integer? Of the first one with TLS, as `port`; nil without TLS. Read only.
---@field OnStartup? fun() It listens.
---@field OnShutdown? fun() It has stopped: no connection is left.
---@field OnConnect? fun(conn: perilune.Conn) A WebSocket is open.
---@field OnDisconnect? fun(conn: perilune.Conn, code: integer, reason: string) Last and once; the code is the peer's, 1005 when it sent none, 1006 without a Close frame.
---@field OnMessage? fun(conn: perilune.Conn, text: string) A text message, valid UTF-8.
---@field OnBinary? fun(conn: perilune.Conn, bytes: string)
---@field OnFragmented? fun(conn: perilune.Conn, bytes: string, opcode: "text"|"binary", continuation: boolean) With options.fragmented_messages; continuation: more fragments of the message follow.
---@field OnBeforeHeartBeat? fun(conn: perilune.Conn): handled: boolean? The heartbeat is due. True: no ping is sent, and no answer waited for.
---@field OnPing? fun(conn: perilune.Conn, bytes: string) The peer has sent a ping; it has been answered.
---@field OnDrain? fun(conn: perilune.Conn) After `true, "buffered"`: what was queued has fallen to limits.low_water.
---@field OnUnknownProtocol? fun(conn: perilune.Conn, bytes: string): boolean? What a connection says first is no HTTP. true: it is plain TCP; else it is closed.
---@field OnSSLALPNSelect? fun(conn: perilune.Conn, protocols: string[]): string|false|nil Which of the protocols that a TLS client offers is spoken. nil: the server's own choice; false: none.
---@field OnSSLVerifyPeer? fun(conn: perilune.Conn, certificate: table, error: string?): accept: boolean? A client's certificate and what speaks against it. nil: the error counts.
---@field OnTCPConnect? fun(conn: perilune.Conn): boolean|"tcp"|nil A connection is there, nothing was read yet. false closes it; "tcp": it speaks plain TCP. It has limits.handshake_timeout to decide.
---@field OnBeforeForwardHTTP? fun(conn: perilune.Conn, request: perilune.Request): string|perilune.server.Forward|perilune.forward.Way|integer|false|nil A request, before all else: the URL of the server that is to answer it, or a table with more; a status; false: the server itself; nil: the option `forward` decides. It has limits.handshake_timeout to decide.
---@field OnAuthentication? fun(conn: perilune.Conn, user: string, password: string): boolean? The list of users does not let in, or nothing is said (then both are ""): true lets in.
---@field OnUnknownAuthentication? fun(conn: perilune.Conn, auth_type: string, auth_data: string): boolean?, string? Another scheme than Basic: true lets in, with a user.
---@field OnBeforeCommand? fun(conn: perilune.Conn, request: perilune.server.Command): "authorized"? Whether a request needs authentication: "authorized" if not.
---@field OnHandshake? fun(conn: perilune.Conn, headers: table<string, string>): table<string, string|number|string[]>|false|nil Before a WebSocket handshake is answered with these headers: a table of more, or false for 403. It has limits.handshake_timeout to decide.
---@field OnHTTPUploadBeforeSaveFile? fun(name: string, path: string, request: perilune.Request): name: string|false|nil, path: string? A file has come: its name, and its folder; false drops it.
---@field OnHTTPUploadAfterSaveFile? fun(name: string, path: string, request: perilune.Request) The path of the file itself.
---@field OnHTTPUploadReadInput? fun(name: string, value: string, request: perilune.Request) A field of a form that is no file.
---@field OnCreateSession? fun(conn: perilune.Conn, request: perilune.Request): id: string? An HTTP session is about to begin. nil: an id of ours.
---@field OnSessionStart? fun(session: perilune.server.Session)
---@field OnInvalidSession? fun(conn: perilune.Conn, request: perilune.Request, response: perilune.Response, id: string): boolean? A cookie names no session. false: the request ends here.
---@field OnSessionEnd? fun(session: perilune.server.Session) By time, or by close.
---@field OnError? fun(conn: perilune.Conn, message: string, code: string) The peer broke the protocol ("EPROTO"), went beyond a limit of messages ("ETOOBIG"), was too slow ("ETIMEDOUT") or has a foreign origin ("EACCES").
---@field OnException? fun(conn: perilune.Conn?, message: string) A handler threw: message and traceback. Without it they are logged. Also the end of a WebSocket that broke the protocol.
---@field OnCommandGet? fun(conn: perilune.Conn, request: perilune.Request, response: perilune.Response) GET, HEAD and POST.
---@field OnCommandOther? fun(conn: perilune.Conn, request: perilune.Request, response: perilune.Response) All other methods.
local Server = {}

--- Listens on all bindings, or on none. Prints "listening on http://HOST:PORT/" (https:// with TLS)
--- for each address and raises OnStartup.
---@return true? ok
---@return string? message "cannot listen on 127.0.0.1 port 80 (bindings[2]): permission denied"
---@return string? code "EADDRINUSE", "EADDRNOTAVAIL", "EACCES", "EMFILE", "EHOST" (no IP address), "ESTATE" (started already), "ECANCELED" (the program is ending), "ENOMEM" or "EIO"
function Server:start() end

--- Stops listening, sends Close 1001 to WebSockets, breaks HTTP requests off, and waits until every
--- connection is closed. Waits; throws where waiting is impossible.
---@return true? ok
---@return string? message
---@return string? code "ESTATE" (not started) or "ENOMEM"
function Server:stop() end

--- Stops, if it is active, and starts. Waits.
---@return true? ok
---@return string? message
---@return string? code As start.
function Server:restart() end

--- How many WebSockets are open.
---@return integer
function Server:count() end

---@class perilune.server.Connection
---@field guid string
---@field ip string
---@field url string
---@field protocol string "" for none.
---@field worker integer The worker that owns it, from 1.

--- Makes the server speak one more subprotocol.
---@param name string A token; others throw.
---@return true? ok
---@return string? message
---@return string? code "ELIMIT": there are 32.
function Server:register_protocol(name) end

--- The HTTP sessions, of all workers; `idle` in seconds. Throws without session_state.
---@return { id: string, ip: string, started: integer, idle: number }[]
function Server:sessions() end

--- Describes the open WebSockets.
---@return perilune.server.Connection[]
function Server:connections() end

--- The open WebSocket with this guid (either case).
---@param guid string
---@return perilune.Conn? conn
function Server:connection(guid) end

---@class perilune.server.Audience
---@field channel? string Only who is subscribed to it.
---@field key? string Up to 1024 bytes: with the policy "conflate" it takes the place of a message with this key.
---@field protocol? string Only WebSockets with this subprotocol.
---@field exclude? string|string[] Not these guids.
---@field include? string|string[] Only these guids; an empty list reaches nobody.
---@field size? integer Send in fragments of so many bytes, 1 to 2147483647.
---@field id? string Of the event, for event streams; without CR, LF and NUL, as `event`.
---@field event? string Its type.
---@field retry? number Seconds until the client comes back when the stream breaks: 0 to 86400.

--- Sends a text to many. It is encoded once for all of them. Throws for an unknown field.
---@param text string UTF-8.
---@param to? string|perilune.server.Audience A channel, or who is to get it; default everybody.
---@return true? ok
---@return integer|string count How many took it (sent or queued); or the message.
---@return string? code "EUTF8": nobody got it.
function Server:broadcast(text, to) end

--- The same with a binary message.
---@param bytes string
---@param to? string|perilune.server.Audience
---@return true? ok
---@return integer|string count
---@return string? code
function Server:broadcast_binary(bytes, to) end

--- Sends a text to one connection, or to each of a list.
---@param guid string|string[]
---@param text string UTF-8.
---@param size? integer|perilune.Conn.Manner Send in fragments of so many bytes, default whole; or how.
---@return true? ok At least one took it.
---@return string? message
---@return string? code "ENOENT" (none of them is open) or "EUTF8"
function Server:write(guid, text, size) end

---@param guid string|string[]
---@param bytes string
---@param size? integer
---@return true? ok
---@return string? message
---@return string? code
function Server:write_binary(guid, bytes, size) end

--- Ends one WebSocket as conn:disconnect does.
---@param guid string
---@param code? integer A close code, default 1000; -1 for none.
---@return true? ok
---@return string? message
---@return string? code "ENOENT"
function Server:disconnect(guid, code) end

--- Ends all WebSockets as conn:disconnect does.
---@param code? integer A close code, default 1000; -1 for none.
---@return integer count
function Server:disconnect_all(code) end

--- Ends the sessions of authentication of a user; connections stay.
---@param user string
---@return integer count
function Server:logout(user) end

--- Sends a ping to all WebSockets, and returns at once. With a timeout, who gives no sign of life within
--- so many seconds is dropped.
---@param timeout? number Above 0, to 86400.
---@return integer count
function Server:ping(timeout) end

--- An HTTP request. Throws when it is used after its handler has returned, or once the client has
--- gone.
---@class perilune.Request
---@field command string The method: "GET".
---@field document string The path, percent-decoded; as sent when it has a bad escape.
---@field query string Behind the "?", as sent; "" for none.
---@field user? string Who it is, with the server's authentication.
---@field params table<string, string> Of the query, then of a form in the body (waits for it as body does), decoded; of equal names the first.
---@field headers table<string, string> Lower-case names, repeats joined by ", ". A new table each time.
---@field body string Waits until all has come; throws when it is over limits.body or does not come. Excludes read.
---@field version "HTTP/1.0"|"HTTP/1.1"
---@field files perilune.Upload[] With http_upload_files; else empty.
---@field session perilune.server.Session? With session_state.
local Request = {}

--- Begins an HTTP session, unless there is one; nil: there are too many. Throws without session_state.
---@return perilune.server.Session?
function Request:start_session() end

--- The values of all lines with this name (either case), in order.
---@param name string
---@return string[]
function Request:header_all(name) end

--- The next piece of the body. Waits; throws where waiting is impossible, and when request.body or
--- request.params of a form has taken the body.
---@param n? integer So many bytes, 1 to 2^30, fewer only at the end; default whatever is there.
---@return string? piece nil at the end.
---@return string? message
---@return string? code "ECLOSED", "ETIMEDOUT", "EPROTO" or "ENOMEM"
function Request:read(n) end

--- The answer to a request. It is sent when the handler has returned, if `content_text` or
--- `response_no` was set. Assigning any other field throws, and so does a value of another type
--- when a field is first set.
---@class perilune.Response
---@field response_no? integer 200 to 599; default 200.
---@field content_type? string Default "text/html; charset=utf-8" when there is a text.
---@field content_text? string The body.
---@field headers table<string, string|number|string[]> A list repeats the line. At most 100 lines.
local Response = {}

--- Sends a piece of the body, the first time behind the head. Waits while the client reads slower;
--- throws where waiting is impossible, for a head that cannot be sent, and with content_text.
---@param chunk string "" sends the head alone.
---@return true? ok
---@return string? message
---@return string? code "ECLOSED", "ETIMEDOUT", "ETOOBIG" (more than content-length) or "ENOMEM"
function Response:write(chunk) end

---@class perilune.SendFile
---@field root? string A folder that the path does not leave; a relative one is beside the script. Without it any file may be named.
---@field download? boolean|string The client is to save it, under its own name or this one.

--- Answers with a file: as those of document_root, with their conditions and ranges; with response_no
--- other than 200, whole. headers and content_type are sent too. Waits until the answer has begun; what
--- is left is sent without the handler.
---@param path string Relative to `root`, else to the script's folder.
---@param options? perilune.SendFile
---@return true? ok
---@return string? message
---@return string? code "ENOENT", "EISDIR", "EACCES", "EMFILE" or "EIO": nothing was sent, and the handler answers; "ECLOSED": the client has gone; "EINVAL": a bad header
function Response:send_file(path, options) end

--- Sends the client elsewhere.
---@param url string Without spaces and control characters; others throw.
---@param code? 301|302|303|307|308 Default 302; others throw.
function Response:redirect(url, code) end
