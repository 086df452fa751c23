-- What wrk sends: the same pack for many facilities in turn. Arguments: file of the body, number of facilities.
-- Ends with one line of JSON, because the usual output rounds.

local requests = {}
local turn = 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local body = file:read("*a")
  file:close()
  for number = 1, tonumber(arguments[2]) do
    requests[number] = wrk.format("POST", nil, {
      ["Host"] = wrk.host .. ":" .. wrk.port,
      ["Content-Type"] = "application/json",
      ["Authorization"] = string.format("apikey f%09d_key_of_the_measurements", number),
    }, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local e = summary.errors
  print(string.format(
    '{"requests":%d,"duration_us":%d,"p50_us":%g,"p90_us":%g,"p99_us":%g,"max_us":%g,' ..
    '"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(90), latency:percentile(99),
    latency.max, e.connect, e.read, e.write, e.timeout, e.status))
end
