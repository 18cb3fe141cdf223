function without_passwords(r)
  local users = r:data():get("collection")
  for i = 0, users:len() - 1 do
    users:get(i):del("password")
  end
end

function names(r)
  local data, list = r:data(), {}
  local users = data:get("collection")
  for i = 0, users:len() - 1 do
    table.insert(list, users:get(i):get("name"))
  end
  data:set("names", list)
  data:set("first", users:get(0))
  data:set("total", data:get("data"):get("total"))
  data:del("collection")
  data:del("data")
  r:headers("X-Names", tostring(#list))
end
