import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { useCustomers, useSeries, useTop } from "../../api/queries";
import type { App, CustomerKind, CustomerSort } from "../../api/types";
import { FirstEvent } from "../../ui/FirstEvent";
import { Icon } from "../../ui/icons";
import { useKeys } from "../../ui/keys";
import { Trouble } from "../../ui/Notice";
import { RangePicker } from "../../ui/RangePicker";
import { go, href, replace, useLocation, withQuery } from "../../url/location";
import { queryOfRange, rangeFromQuery } from "../../url/range";
import { customersOf, type Customer } from "./customer";
import css from "./CustomersPage.module.css";
import { CustomerTable } from "./CustomerTable";

const sorts: CustomerSort[] = ["calls", "-last_seen", "last_seen", "errors", "p95_ms", "name"];
const drawn = 30; // customers with a line of their own, the largest ones

/** The companies and users that call, and how each of them is doing. */
export function CustomersPage({ app, kind }: { app: App; kind: CustomerKind }) {
  const at = useLocation();
  const range = rangeFromQuery(at.query, "7d");
  const q = at.query.get("q") ?? "";
  const sort = sorts.find((one) => one === at.query.get("sort")) ?? "calls";
  const company = at.query.get("company") ?? undefined;

  const list = useCustomers({ app: app.id, kind, range, q, sort, company });
  const filters = company ? { company } : {};
  const lines = useSeries({ app: app.id, filters, range, by: kind === "companies" ? "company" : "user" }, drawn);
  const all = useTop({ app: app.id, filters: {}, range });
  const rows = list.data?.pages.flatMap((page) => customersOf(page)) ?? [];
  const nobody = list.isSuccess && rows.length === 0;

  const walk = (step: number) => {
    const links = [...document.querySelectorAll<HTMLElement>("a[data-opens]")];
    const from = links.indexOf(document.activeElement as HTMLElement);
    links[from < 0 ? 0 : Math.min(links.length - 1, Math.max(0, from + step))]?.focus();
  };
  useKeys({ j: () => walk(1), k: () => walk(-1) });
  const open = (customer: Customer) => href(["customers", kind, customer.id], { app: at.query.get("app") ?? undefined, ...queryOfRange(range) });

  return (
    <div className={css.page}>
      <div className={css.tools}>
        <h1 className="unseen">Customers</h1>
        <SegmentedControl
          size="xs"
          aria-label="Kind of customer"
          value={kind}
          onChange={(next) => go(href(["customers", next], { app: at.query.get("app") ?? undefined, ...queryOfRange(range) }))}
          data={[{ value: "companies", label: "Companies" }, { value: "users", label: "Users" }]}
        />
        <Search q={q} onChange={(next) => replace(withQuery(at, { q: next }))} what={kind} />
        {company && (
          <Button variant="light" size="xs" rightSection={<Icon name="close" size={12} />} aria-label={`Remove filter Company ${company}`} onClick={() => go(withQuery(at, { company: undefined }))}>
            Company {company}
          </Button>
        )}
        <span className={css.space} />
        <RangePicker range={range} onChange={(next) => go(withQuery(at, queryOfRange(next)))} />
      </div>
      <Trouble error={list.error} />
      {nobody && q === "" && all.data?.total.calls === 0 ? (
        <FirstEvent app={app} />
      ) : nobody ? (
        <p className={css.nobody}>{q ? `Nobody matches “${q}”.` : `No call names a ${kind === "companies" ? "company" : "user"} yet. The gateway's identify_company and user_id_headers say where the ids are.`}</p>
      ) : (
        <CustomerTable kind={kind} rows={rows} loading={list.isPending} stale={list.isPlaceholderData} series={lines.data} ofAll={all.data?.total.error_rate ?? 1} sort={sort} onSort={(next) => replace(withQuery(at, { sort: next }))} open={open} />
      )}
      {list.hasNextPage && (
        <Button variant="default" size="xs" className={css.more} loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Show more
        </Button>
      )}
    </div>
  );
}

function Search({ q, what, onChange }: { q: string; what: CustomerKind; onChange: (q: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [draft, setDraft] = useState(q);
  const [followed, setFollowed] = useState(q);
  if (q !== followed) {
    // The address changed by itself (back, a link): follow it.
    setFollowed(q);
    if (q !== draft.trim()) setDraft(q);
  }
  const soon = useDebouncedCallback((text: string) => onChange(text.trim()), 200);
  useEffect(() => () => soon.cancel(), [soon]);
  useKeys({
    "/": (event) => {
      event.preventDefault();
      input.current?.focus();
    },
  });
  return (
    <TextInput
      ref={input}
      size="sm"
      type="search"
      className={css.search}
      aria-label={`Search ${what}`}
      aria-keyshortcuts="/"
      placeholder={what === "companies" ? "Name, domain or id" : "Name, e-mail or id"}
      leftSection={<Icon name="search" size={15} />}
      spellCheck={false}
      autoComplete="off"
      value={draft}
      onChange={(event) => {
        setDraft(event.currentTarget.value);
        soon(event.currentTarget.value);
      }}
      onKeyDown={(event) => event.key === "Escape" && input.current?.blur()}
    />
  );
}
