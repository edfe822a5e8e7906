/** The sources that the header tables cite, with addresses where they can be read. */

export interface Reference {
  /** As it is cited: `RFC 791 §3.1`. */
  text: string;
  /** Absent where it cannot be read freely. */
  url: string | undefined;
}

/** `RFC 791 §3.1; RFC 2474` as its parts. */
export function referencesOf(cited: string): Reference[] {
  return cited
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((text) => ({ text, url: urlOf(text) }));
}

function urlOf(text: string): string | undefined {
  const [, rfc, section] = /^RFC (\d+)(?: §([\d.]+))?/.exec(text) ?? [];
  if (rfc !== undefined) {
    return `https://www.rfc-editor.org/rfc/rfc${rfc}.html${section === undefined ? '' : `#section-${section}`}`;
  }
  const [, first, second] = /^3GPP TS (\d{2})\.(\d{3})/.exec(text) ?? [];
  return first === undefined ? undefined : `https://www.3gpp.org/dynareport/${first}${second ?? ''}.htm`;
}
