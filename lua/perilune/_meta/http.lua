---@meta
-- What perilune.http takes and gives. For editors; nothing loads this file.

---@alias perilune.http.Ask fun(url: string, options?: perilune.http.RequestOptions): perilune.http.Response?, string?, string?

--- All of them wait. What fails returns nil, a message and a code; an answer of any status is one.
---@class perilune.http
---@field get perilune.http.Ask
---@field head perilune.http.Ask
---@field post perilune.http.Ask
---@field put perilune.http.Ask
---@field patch perilune.http.Ask
---@field delete perilune.http.Ask
local http = {}

--- Asks with any method. Waits.
---@param method string "OPTIONS"
---@param url string
---@param options? perilune.http.RequestOptions
---@return perilune.http.Response? response
---@return string? message
---@return string? code
function http.request(method, url, options) end

--- A client with defaults of its own, its own connections and its own cookies.
---@param options? perilune.http.ClientOptions
---@return perilune.http.Client
function http.client(options) end

--- An empty jar of cookies, for several clients or to be kept in a file.
---@param options? perilune.http.CookieJarOptions
---@return perilune.http.CookieJar
function http.cookie_jar(options) end

---@class perilune.http.RequestOptions
---@field headers? table<string, string|number|string[]|false> false leaves one out that is sent otherwise.
---@field params? table Added to the URL's query, as `form` is.
---@field body? string|fun(): string?, string?, string? A function is called until it returns nil; it may wait.
---@field length? integer Bytes that the function will give. Default: nobody knows.
---@field form? table Fields by name, or a list of { name, value }: application/x-www-form-urlencoded.
---@field json? any What json.encode takes.
---@field multipart? table<string, string|number|boolean|perilune.http.Part>|perilune.http.Part[] multipart/form-data.
---@field file? string A file, which is read while it is sent. A relative path is beside the script.
---@field content_type? string In place of what the body has by itself.
---@field authentication? perilune.http.Authentication|false
---@field timeout? number|perilune.http.Timeouts A number is the total.
---@field redirects? perilune.http.Redirects|false false: 3xx are answers as others are.
---@field retries? integer|perilune.http.Retries|false Default false.
---@field proxy? string|perilune.ProxyOptions|false A URL, a table or "environment". Default: none.
---@field tls? perilune.client.TLS|true
---@field guard? boolean Only public addresses are connected to. Default false.
---@field decode? boolean gzip, deflate and br are asked for and undone. Default true.
---@field stream? boolean Returns with the head; the body is read by the caller. Default false.
---@field limits? perilune.http.Limits
---@field log_file? string|false Each request and answer is a line of it.
---@field cookies? boolean|perilune.http.CookieJar Of a client: default true, a jar of its own.

---@class perilune.http.ClientOptions: perilune.http.RequestOptions Without body, params and stream.
---@field base_url? string What the requests' URLs are relative to.
---@field pool? perilune.http.PoolOptions

---@class perilune.http.PoolOptions
---@field max_per_origin? integer Connections to one origin; more requests wait. Default 0: any number.
---@field max_idle? integer Connections that are kept. Default 64.
---@field max_idle_per_origin? integer Default 8.
---@field idle_timeout? number Seconds for which they are. Default 60.

---@class perilune.http.Limits
---@field body? integer Bytes of a body in memory. Default 16 MiB.
---@field header_block? integer Bytes of an answer's head. Default 32768.
---@field header_count? integer Fields of it. Default 100.

---@class perilune.http.Timeouts Seconds; false: no limit.
---@field resolve? number|false Default 10.
---@field connect? number|false Also TLS and the proxy. Default 10.
---@field first_byte? number|false From the request's last byte to the answer's first. Default 60.
---@field idle? number|false Between bytes of a body. Default 60.
---@field total? number|false All of it: waiting, redirects, retries, the body. Default false.

---@class perilune.http.Redirects
---@field max? integer How many are followed. Default 10; with one more it is an error, "ELIMIT".
---@field allow_downgrade? boolean Also from https to http. Default false.

---@class perilune.http.Retries
---@field max? integer How often it is sent again. Default 2.
---@field statuses? integer[] Default 408, 429, 502, 503, 504.
---@field methods? string[] Default GET, HEAD, OPTIONS, TRACE, PUT, DELETE.
---@field delay? number Seconds before the first, each next time twice as many; of that by chance half to all. Default 0.5.
---@field max_delay? number Seconds. Default 30.
---@field max_retry_after? number Seconds that a Retry-After may ask for; with more the answer is given to the caller. Default 60.

---@class perilune.http.Authentication
---@field user? string Without a colon. User and password are sent as Basic.
---@field password? string
---@field token? perilune.http.Token

---@class perilune.http.Token One of auth_token, oauth2 and jwt.
---@field auth_name? string Default "Bearer".
---@field auth_token? string|fun(): string?, string?, string? A function is asked for each request; it may wait, and return nil, message, code.
---@field oauth2? any An object with the method get_token.
---@field jwt? any An object with the method get_token.

---@class perilune.http.Part
---@field name? string Of a list of parts: the field's name.
---@field value? string|number|boolean
---@field file? string A file that is sent; a relative path is beside the script.
---@field filename? string Default: that of the file; none of a value.
---@field content_type? string Default: by the filename's ending; none of a value.

---@class perilune.http.SaveOptions
---@field progress? fun(received: integer, total: integer?) Behind each piece; may wait. `total`: what the server has announced, nil for a body that is not sent as it is.
---@field mode? string Permissions of the file, octal: "640"; default "666", less the umask.

---@class perilune.http.CookieJarOptions
---@field max_cookies? integer Default 3000. What has ended goes first, then what is not secure, then what was not used for the longest time.
---@field max_per_domain? integer Default 50.

---@class perilune.http.RequestEvent
---@field id integer Counts up; that of the answer is the same.
---@field method string
---@field url string Without secrets, as the headers.
---@field headers string[][] { name, value }, as they are sent.

---@class perilune.http.ResponseEvent
---@field id integer
---@field method string
---@field url string
---@field status? integer nil when there is no answer.
---@field reason? string
---@field headers? string[][]
---@field duration number Seconds since the request began.
---@field message? string Why there is no answer.
---@field code? string

---@alias perilune.http.ClientAsk fun(self: perilune.http.Client, url: string, options?: perilune.http.RequestOptions): perilune.http.Response?, string?, string?

---@class perilune.http.Client
---@field get perilune.http.ClientAsk
---@field head perilune.http.ClientAsk
---@field post perilune.http.ClientAsk
---@field put perilune.http.ClientAsk
---@field patch perilune.http.ClientAsk
---@field delete perilune.http.ClientAsk
---@field cookies perilune.http.CookieJar|false Read only.
---@field OnRequest? fun(request: perilune.http.RequestEvent) Before each request, also those of redirects and retries.
---@field OnResponse? fun(response: perilune.http.ResponseEvent) Behind each answer's head, or a failure.
local Client = {}

--- Asks with any method. Waits.
---@param method string
---@param url string
---@param options? perilune.http.RequestOptions
---@return perilune.http.Response? response
---@return string? message
---@return string? code
function Client:request(method, url, options) end

--- How many connections it has.
---@return { idle: integer, active: integer }
function Client:counts() end

--- Closes its connections. Requests then fail with "ECLOSED".
function Client:close() end

---@class perilune.http.Response
---@field status integer 200
---@field reason string What the server calls it: "OK". HTTP/2 has none.
---@field version string "HTTP/1.1"
---@field ok boolean Whether the status is 200 to 299.
---@field headers table<string, string> Lower-case names, repeats joined by ", ".
---@field url string What was asked last, behind all redirects; without user and password.
---@field redirects string[] What was asked before.
---@field text string The body. Of a stream it waits; throws when it cannot be had.
---@field json any The body as JSON; throws when it is none.
---@field trailers table<string, string> Fields behind the body, when it has ended.
---@field timing { wait: number, resolve: number, connect: number, tunnel: number, tls: number, first_byte: number } Seconds; `first_byte` from the beginning, the others for themselves.
---@field remote string The IP address that was connected to.
local Response = {}

--- The next bytes of the body. Waits.
---@param count? integer So many, 1 to 2^30, fewer only at the end; default whatever is there.
---@return string? bytes nil at the end.
---@return string? message
---@return string? code
function Response:read(count) end

--- Writes what is left of the body into a file, which has its name when it is whole. Waits.
---@param path string A relative one is beside the script.
---@param options? perilune.http.SaveOptions
---@return integer? size
---@return string? message
---@return string? code
function Response:save(path, options) end

--- The values of all lines with this name (either case), in order.
---@param name string
---@return string[]
function Response:header_all(name) end

--- Ends it. What has not been read is not read any more.
function Response:close() end

---@class perilune.http.CookieJar
---@field count integer How many it has. Read only.
local Jar = {}

--- Keeps a cookie as if this URL had answered with it.
---@param url string
---@param line string A Set-Cookie: "name=value; Path=/".
---@return boolean? taken
---@return string? message
---@return string? code "EACCES"
function Jar:set(url, line) end

--- What a request to this URL would send.
---@param url string
---@return string? value "a=1; b=2"; nil for none.
function Jar:get(url) end

--- Copies of all that have not ended, first the oldest.
---@return perilune.http.Cookie[]
function Jar:all() end

--- Takes all out, or those of one domain.
---@param domain? string
function Jar:clear(domain) end

--- Writes the cookies into a file that only the own user may read. Waits.
---@param path string
---@param options? { session?: boolean } Also those that end with the program. Default false.
---@return boolean? done
---@return string? message
---@return string? code
function Jar:save(path, options) end

--- Reads a file of cookies, beside those that are there; all of it or nothing. Waits.
---@param path string
---@return integer? count How many it had.
---@return string? message
---@return string? code "EINVAL": it is no such file.
function Jar:load(path) end

---@class perilune.http.Cookie
---@field name string
---@field value string
---@field domain string Lower-case.
---@field host_only boolean For this host alone, not for those below it.
---@field path string
---@field secure boolean Only for https.
---@field http_only boolean Of meaning to browsers.
---@field expires? integer Seconds since 1970; nil: until the program ends.

return http
