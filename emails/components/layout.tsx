import { Body, Container, Head, Html, Preview, Section, Text } from '@react-email/components';
import type { ReactNode } from 'react';
import { look, Styles } from './styles.tsx';

interface LayoutProps {
  readonly title: string;
  readonly preheader: string;
  readonly footer: ReactNode;
  /** Who writes; Evenfall itself unless given. */
  readonly brand?: string;
  readonly children: ReactNode;
}

/** The frame of every mail: a card on a quiet page, and below it why the reader gets this. */
export function Layout(props: LayoutProps) {
  return (
    <Html lang="en">
      <Head>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="supported-color-schemes" content="light dark" />
        <title>{props.title}</title>
        <Styles />
      </Head>
      <Body className="page" style={look.page}>
        <Preview>{props.preheader}</Preview>
        <Container style={{ maxWidth: '600px' }}>
          <Section className="card" style={look.card}>
            <Text className="brand" style={look.brand}>
              {props.brand ?? 'Evenfall'}
            </Text>
            {props.children}
          </Section>
          <Text className="footer" style={look.footer}>
            {props.footer}
          </Text>
        </Container>
      </Body>
    </Html>
  );
}
