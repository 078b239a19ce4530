import type { DeadLetterAlert } from '../core/alert.ts';

/** A dead letter with what a person needs to act on it. */
export interface Notice extends DeadLetterAlert {
  readonly commands: { readonly show: string; readonly replay: string };
  /** Bull Board, where its entry and its log are. */
  readonly boardUrl?: string;
}

/** One way of telling people. */
export interface Channel {
  readonly name: string;
  /** What the log may say of it besides its name. */
  readonly about: Readonly<Record<string, string>>;
  /** Throws when it was not taken, or nobody knows. */
  tell(notice: Notice): Promise<void>;
}
