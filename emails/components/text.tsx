import { Heading, Text } from '@react-email/components';
import type { ReactNode } from 'react';
import { look } from './styles.tsx';

/** The mail's one heading, with a word above it that says what sort of mail this is. */
export function Title(props: { label?: string; children: ReactNode }) {
  return (
    <>
      {props.label === undefined ? null : (
        <Text className="label" style={look.label}>
          {props.label}
        </Text>
      )}
      <Heading as="h1" className="title" style={look.title}>
        {props.children}
      </Heading>
    </>
  );
}

/** The heading of a section. */
export function Subtitle(props: { children: ReactNode }) {
  return (
    <Heading as="h2" className="title" style={look.subtitle}>
      {props.children}
    </Heading>
  );
}

export function Paragraph(props: { children: ReactNode }) {
  return (
    <Text className="text" style={look.text}>
      {props.children}
    </Text>
  );
}

/** A command to copy, below what it does. */
export function Command(props: { does: string; command: string }) {
  return (
    <>
      <Text className="caption" style={look.caption}>
        {props.does}
      </Text>
      <Text className="command" style={look.command}>
        {props.command}
      </Text>
    </>
  );
}
