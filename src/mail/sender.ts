/**
 * The name that customers know the app by: the one in MAIL_FROM (`Acme Boards <billing@example.com>`), else the
 * sender's domain.
 */
export function senderName(from: string): string {
  const name = /^\s*"?([^"<]*?)"?\s*</.exec(from)?.[1];
  return name === undefined || name === '' ? (/@([^\s@<>]+)>?\s*$/.exec(from)?.[1] ?? '') : name;
}
