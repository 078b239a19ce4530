import { Button } from '@react-email/components';
import type { ReactNode } from 'react';
import { look } from './styles.tsx';

/** A link that looks like a button; `quiet` for whatever is not the first thing to do. */
export function Action(props: { href: string; quiet?: boolean; children: ReactNode }) {
  return (
    <Button
      className={props.quiet ? 'button quiet' : 'button'}
      href={props.href}
      style={props.quiet ? look.quietButton : look.button}
    >
      {props.children}
    </Button>
  );
}
