import { bytes } from "../format/number";
import { CopyButton } from "../ui/CopyButton";
import { Notice } from "../ui/Notice";
import { decodeBody, type Body } from "../wire/body";
import { printJson, type Json } from "../wire/json";
import css from "./CallDrawer.module.css";
import { JsonView, MarkedText } from "./JsonView";

interface Props {
  name: "Request" | "Response";
  body: Json | undefined;
  encoding: string | undefined;
  contentType: string;
  /** The body was sent shorter than it was. */
  cut: boolean;
}

/** A body, in the form that can best be read. */
export function BodyView({ name, body, encoding, contentType, cut }: Props) {
  const decoded = decodeBody(body, encoding);
  return (
    <section className={css.part} aria-label={`${name} body`}>
      <div className={css.partHead}>
        <h3>{name} body</h3>
        {contentType && <span className="quiet">{contentType}</span>}
        {decoded.kind !== "none" && <CopyButton label="Copy" text={() => asText(decoded)} />}
      </div>
      {cut && <Notice tone="warn">Cut: the body was longer than what is captured. This is its beginning.</Notice>}
      <Content body={decoded} name={name} />
      {cut && decoded.kind === "text" && <div className={css.cut} role="note">the rest was not captured</div>}
    </section>
  );
}

function Content({ body, name }: { body: Body; name: string }) {
  switch (body.kind) {
    case "none":
      return <p className="quiet">Empty, or not captured.</p>;
    case "json":
      return <JsonView json={body.json} label={`${name} body`} />;
    case "text":
      return <MarkedText text={body.text} label={`${name} body`} />;
    case "binary":
      return <p className="quiet">{bytes(body.size)} that are not text. Copying gives them in base64.</p>;
  }
}

function asText(body: Body): string {
  switch (body.kind) {
    case "none":
      return "";
    case "json":
      return printJson(body.json, 2);
    case "text":
      return body.text;
    case "binary":
      return body.base64;
  }
}
