/** Takes out whatever looks like an e-mail address: mail servers quote them, and logs must not hold them. */
export function withoutAddresses(text: string): string {
  return text.replace(/<?[^\s<>@"']+@[^\s<>@"']+>?/g, '(address)');
}
