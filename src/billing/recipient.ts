/** The team's owner as the app knows it; absent when the customer is of no team. */
export interface Owner {
  readonly ownerEmail: string | null;
  readonly ownerIsActive: boolean;
}

/**
 * Who is written to about a subscription: the team's owner, else the address that Stripe has of the customer.
 * Asked when a mail is sent, for either may have changed since it was due. Undefined when there is nobody.
 */
export function recipientOf(owner: Owner | undefined, customerEmail: string | null): string | undefined {
  return (owner?.ownerIsActive ? address(owner.ownerEmail) : undefined) ?? address(customerEmail);
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
export const nobody = 'there is no active owner with an address, nor has the Stripe customer one';

/** One address and nothing else: a list, or a name around it, would reach somebody else. Undefined when it is not. */
export function address(text: string | null): string | undefined {
  const trimmed = text?.trim() ?? '';
  return /^[^\s@,;<>"]+@[^\s@,;<>"]+$/.test(trimmed) ? trimmed : undefined;
}
