import { HostError } from "@executor-host/proto/shared/error";

/** Opaque to callers: the journal number to go on before. */
export function pageToken(last: number | undefined): string {
  return last === undefined ? "" : Buffer.from(String(last)).toString("base64url");
}

/** @throws {HostError} `SPEC_INVALID` */
export function parsePageToken(token: string): number | undefined {
  if (token === "") return undefined;
  const number = Number(Buffer.from(token, "base64url").toString());
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new HostError("SPEC_INVALID", "page_token: not a token of this host", {
    hint: "pass next_page_token of the page before, unchanged",
  });
}
