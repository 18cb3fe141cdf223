import type { CohortKind, Member } from "../../api/cohorts";
import { Time } from "../../ui/Time";
import { href, useLocation } from "../../url/location";
import css from "./Cohorts.module.css";
import { kindNames } from "./criteria";

interface Props {
  kind: CohortKind;
  members: Member[];
  loading: boolean;
  /** Whether it is told since when somebody is in. */
  since?: boolean;
}

/** Users or companies, each leading to its own page. */
export function MemberTable({ kind, members, loading, since = false }: Props) {
  const at = useLocation();
  const where = { app: at.query.get("app") ?? undefined };
  if (loading) return <p className={css.note} role="status">Loading…</p>;
  if (members.length === 0) return <p className={css.note}>Nobody at the moment.</p>;
  return (
    <table className={css.people} aria-label={kind === "company" ? "Companies" : "Users"}>
      <thead>
        <tr>
          <th scope="col">{kind === "company" ? "Company" : "User"}</th>
          <th scope="col">Last call</th>
          {since && <th scope="col">In since</th>}
        </tr>
      </thead>
      <tbody>
        {members.map((member) => (
          <tr key={member.id}>
            <td>
              <a data-opens href={href(["customers", kindNames[kind].page, member.id], where)}>{member.name || member.id}</a>
              <span className={css.detail}>{[member.name ? member.id : "", member.detail, member.company_id].filter(Boolean).join(", ")}</span>
            </td>
            <td><Time at={member.last_seen} as="ago" /></td>
            {since && <td><Time at={member.entered_at} as="ago" /></td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
