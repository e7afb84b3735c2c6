-- Arguments: a file of requests, one a line, "cookie<TAB>body"; and, to check instead of to measure, a file of
-- every answer that is right, one a line. Prints one line of JSON.

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  local requests = {}
  for line in io.lines(args[1]) do
    local cookie, body = line:match('^(.-)\t(.*)$')
    local headers = { ['Content-Type'] = 'application/json', ['Cookie'] = cookie }
    requests[#requests + 1] = wrk.format('POST', '/graphql', headers, body)
  end
  local at = 0
  request = function()
    at = at % #requests + 1
    return requests[at]
  end

  wrong, example = 0, ''
  if args[2] then
    local right = {}
    for line in io.lines(args[2]) do
      right[line] = true
    end
    -- wrk calls it, and takes the time for it, only where it is defined.
    response = function(status, _, body)
      if status ~= 200 or not right[body:gsub('%s+$', '')] then
        wrong, example = wrong + 1, status .. ' ' .. body
      end
    end
  end
end

function done(summary, latency)
  local wrongs, seen = 0, ''
  for _, thread in ipairs(threads) do
    wrongs = wrongs + thread:get('wrong')
    seen = thread:get('example')
  end
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"seconds":%.6f,"p50":%d,"p99":%d,"failures":%d,"example":"%s"}',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    wrongs + errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    seen:gsub('[%c"\\]', '.')
  ))
end
