import type { ReactNode } from 'react';

/** What every mail is made of. The text is written, not derived: it is the part that is always readable. */
export interface Mail<Props> {
  readonly subject: (props: Props) => string;
  readonly text: (props: Props) => string;
  readonly Body: (props: Props) => ReactNode;
  /** Made-up data to look at the mail with. */
  readonly previewProps: Props;
}
