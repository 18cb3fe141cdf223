import type { CompanyRow, CustomerRow, UserRow } from "../../api/types";

/** A company or a user, told alike. */
export interface Customer extends CustomerRow {
  id: string;
  /** Domain of a company, e-mail of a user. */
  detail: string;
  /** The company of a user. */
  company: string;
  /** How many users a company has. */
  users: number | undefined;
}

export function customersOf(page: { companies?: CompanyRow[]; users?: UserRow[] }): Customer[] {
  const companies = (page.companies ?? []).map((row) => ({ ...row, id: row.company_id, detail: row.domain ?? "", company: "" }));
  const users = (page.users ?? []).map((row) => ({ ...row, id: row.user_id, detail: row.email ?? "", company: row.company_id ?? "", users: undefined }));
  return [...companies, ...users];
}
