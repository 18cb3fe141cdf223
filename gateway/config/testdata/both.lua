function before()
  local r = request.load()
  r:headers("X-Status", http_response.new("http://b/status"):body())
end

function after()
  local r = response.load()
  r:data():del("secret")
end
