import type { RenderedMail } from '../mail/render.ts';

/** What people are told, ready for every channel. */
export interface Notice {
  /** Stable: a receiver can collapse repeats by it. */
  readonly id: string;
  /** Rendered by the channel that needs it: no other fails with it. */
  readonly mail: () => Promise<RenderedMail>;
  /** The body of a post. Absent facts are null, so that the shape never changes. */
  readonly post: { readonly id: string; readonly type: string; readonly [fact: string]: unknown };
}

/** One way of telling people. */
export interface Channel {
  readonly name: string;
  /** What the log may say of it besides its name. */
  readonly about: Readonly<Record<string, string>>;
  /** Throws when it was not taken, or nobody knows. */
  tell(notice: Notice): Promise<void>;
}
