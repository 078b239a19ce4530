/** Whose customers are written to; the same for every mail. */
export interface App {
  /** What the reader knows it by: the name in MAIL_FROM. */
  readonly name: string;
  /** Where the reader sees and changes the subscription and the card, when it is known. */
  readonly url?: string;
}
