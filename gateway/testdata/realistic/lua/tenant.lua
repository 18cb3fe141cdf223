-- A request without a tenant goes no further.
function needs_tenant(r)
  if r:headers("X-Tenant") == "" then
    custom_error("which tenant?", 428)
  end
end
