/** The team's owner as the app knows it; absent when the customer is of no team. */
export interface Owner {
  readonly ownerEmail: string | null;
  readonly ownerIsActive: boolean;
}

/**
 * Who may be written to about a subscription, the first one first: the team's owner, then the address that Stripe has
 * of the customer. Asked when a mail is sent, for either may have changed since it was due.
 */
export function candidatesOf(owner: Owner | undefined, customerEmail: string | null): (string | null)[] {
  return [owner?.ownerIsActive ? owner.ownerEmail : null, customerEmail];
}

/** The owner's id, where that address is the owner's own, wherever it was found: an erasure finds the mail by it. */
export function ownerAt(
  to: string,
  owner: { readonly ownerId: string | null; readonly ownerEmail: string | null } | undefined,
): string | null {
  const isTheirs = address(owner?.ownerEmail ?? null)?.toLowerCase() === to.toLowerCase();
  return isTheirs ? (owner?.ownerId ?? null) : null;
}

/** Why there is nobody, for the ledger. */
export const noAddress = 'there is no active owner with an address, nor has the Stripe customer one';

/** Why a recipient is not written to any more, `bounce` or `complaint`, and since when. */
export interface Suppression {
  readonly why: string;
  readonly at: Date;
}

/** There is nobody to write to. `suppressed` says why where there would be, and since when. */
export interface Unreached {
  readonly to?: undefined;
  readonly suppressed?: { readonly why: string; readonly since: Date };
}

/** Who is written to, or nobody. */
export type Recipient = { readonly to: string } | Unreached;

/** The first of these that is an address and not suppressed. */
export function recipientOf(
  candidates: readonly (string | null)[],
  suppression: (address: string) => Suppression | undefined,
): Recipient {
  const suppressions: Suppression[] = [];
  for (const candidate of candidates) {
    const to = address(candidate);
    const found = to === undefined ? undefined : suppression(to);
    if (found) suppressions.push(found);
    else if (to !== undefined) return { to };
  }
  if (suppressions.length === 0) return {};
  const since = new Date(Math.max(...suppressions.map(({ at }) => at.getTime())));
  const fates = [...new Set(suppressions.map(({ why }) => why))].toSorted().map((why) => fate[why] ?? why);
  return {
    suppressed: { why: `nobody can be written to: mail to every known address ${fates.join(' or ')}`, since },
  };
}

/** What becomes of mail to a suppressed address. */
const fate: Readonly<Record<string, string>> = { bounce: 'bounces', complaint: 'was complained of' };

/** One address and nothing else: a list, or a name around it, would reach somebody else. Undefined when it is not. */
export function address(text: string | null): string | undefined {
  const trimmed = text?.trim() ?? '';
  return /^[^\s@,;<>"]+@[^\s@,;<>"]+$/.test(trimmed) ? trimmed : undefined;
}
