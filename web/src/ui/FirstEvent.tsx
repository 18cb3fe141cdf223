import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import type { App } from "../api/types";
import { quote } from "../wire/curl";
import { CopyButton } from "./CopyButton";
import css from "./FirstEvent.module.css";

/** The command that sends one call to this application's collector. */
export function firstEventCurl(origin: string, applicationId: string): string {
  const event = (time: string) =>
    `{"request":{"time":"${time}","verb":"GET","uri":"https://api.example.com/hello","headers":{"User-Agent":"curl"}},` +
    `"response":{"time":"${time}","status":200,"headers":{"Content-Type":"application/json"},"body":{"hello":"world"}},` +
    `"user_id":"jane","company_id":"acme"}`;
  const body = quote(event("NOW")).replaceAll("NOW", `'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'`);
  return [
    `curl ${quote(origin + "/v1/events")}`,
    `-H ${quote("X-Moesif-Application-Id: " + applicationId)}`,
    `-H 'Content-Type: application/json'`,
    `-d ${body}`,
  ].join(" \\\n  ");
}

/** What goes into the gateway's environment and its krakend.json. */
export function firstEventGateway(origin: string, applicationId: string): string {
  return `export GATEMETER_COLLECTOR_URL=${quote(origin)}
export GATEMETER_APPLICATION_ID=${quote(applicationId)}

# krakend.json, at the top level
"extra_config": {
  "telemetry/moesif": {
    "application_id": "${applicationId}",
    "user_id_headers": ["Authorization"],
    "identify_company": { "header": "X-Company" }
  }
}`;
}

/** What stands where calls will be: how to send the first one. */
export function FirstEvent({ app }: { app: App }) {
  const [way, setWay] = useState("curl");
  const make = way === "curl" ? firstEventCurl : firstEventGateway;
  // Without the right to it the id stays a blank to be filled in.
  const text = make(window.location.origin, app.application_id || "YOUR-APPLICATION-ID");
  return (
    <section className={css.first} aria-label="Send the first call">
      <svg className={css.dial} viewBox="0 0 120 66" aria-hidden="true" focusable="false">
        <path d="M10 60a50 50 0 0 1 100 0" fill="none" stroke="var(--line-strong)" strokeWidth="10" strokeDasharray="1.5 6.35" />
        <path d="M60 60 24 36" stroke="var(--accent)" strokeWidth="2.5" strokeLinecap="round" />
        <circle cx="60" cy="60" r="4" fill="var(--accent)" />
      </svg>
      <h2>No calls yet</h2>
      <p>
        {app.revoked_at ? "This application is revoked: the collector takes no calls of it. " : "Send one to see it here within two seconds, or point a gateway or any Moesif SDK at this server. "}
        {!app.application_id && !app.revoked_at && "Ask an owner or admin for the application id."}
      </p>
      <div className={css.bar}>
        <SegmentedControl
          size="xs"
          aria-label="How to send it"
          value={way}
          onChange={setWay}
          data={[{ value: "curl", label: "One call with curl" }, { value: "gateway", label: "From the gateway" }]}
        />
        <CopyButton label="Copy" text={() => text} />
      </div>
      <pre aria-label="Command">{text}</pre>
    </section>
  );
}
