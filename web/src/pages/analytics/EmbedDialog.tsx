import { Button, Modal, Select, Switch, TextInput } from "@mantine/core";
import { useState } from "react";
import type { EmbedDraft, QuestionFilter } from "../../api/types";
import { CopyButton } from "../../ui/CopyButton";
import { Notice } from "../../ui/Notice";
import { Filters } from "./Filters";
import { useEmbedToken } from "./queries";
import { wholeFilters } from "./question";
import css from "./analytics.module.css";

const lives = [{ value: "15m", label: "15 minutes" }, { value: "1h", label: "An hour" }, { value: "1d", label: "A day" }, { value: "30d", label: "30 days" }];

/** Makes a link that shows one chart or dashboard to somebody without a sign-in. */
export function EmbedDialog({ app, of, onClose }: { app: string; of: Pick<EmbedDraft, "chart" | "dashboard">; onClose: () => void }) {
  const [filters, setFilters] = useState<QuestionFilter[]>([{ field: "company_id", op: "is", values: [] }]);
  const [all, setAll] = useState(false);
  const [life, setLife] = useState("1h");
  const [origin, setOrigin] = useState("");
  const make = useEmbedToken(app);
  const asked = all ? [] : wholeFilters(filters);
  const link = make.data && window.location.origin + make.data.path;
  return (
    <Modal opened onClose={onClose} title="Embed" centered size="lg">
      {link ? (
        <div className={css.form}>
          <Notice tone="warn" icon="lock">Whoever has this link sees these calls until it expires. It is shown only now.</Notice>
          <Copied label="Link" text={link} />
          <Copied label="For a page" text={`<iframe src="${link}" style="border:0;width:100%;height:480px" title="Usage"></iframe>`} />
        </div>
      ) : (
        <form
          className={css.form}
          onSubmit={(event) => {
            event.preventDefault();
            make.mutate({ ...of, filters: asked, all_calls: all || undefined, expires_in: life, frame_ancestors: origin.trim() ? origin.trim().split(/[\s,]+/) : [] });
          }}
        >
          <p className="quiet">It shows only the calls of this filter. The filter is inside the link and signed: it cannot be changed.</p>
          {!all && <Filters app={app} label="Row filter" filters={filters} onChange={setFilters} />}
          <Switch label="All calls, of every customer" checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />
          <Select label="Expires after" data={lives} allowDeselect={false} value={life} onChange={(next) => setLife(next ?? "1h")} />
          <TextInput label="Pages that may show it in a frame" placeholder="https://shop.example" value={origin} onChange={(event) => setOrigin(event.currentTarget.value)} />
          {make.error && <Notice tone="bad">{make.error.message}</Notice>}
          <div className={css.buttons}>
            <Button type="submit" loading={make.isPending} disabled={!all && asked.length === 0}>Make the link</Button>
          </div>
        </form>
      )}
    </Modal>
  );
}

/** A text to copy, by the button or by hand. */
function Copied({ label, text }: { label: string; text: string }) {
  return (
    <div className={css.copy}>
      {label} <CopyButton text={() => text} label="Copy" />
      <textarea readOnly rows={3} aria-label={label} value={text} onFocus={(event) => event.currentTarget.select()} />
    </div>
  );
}
