import type { CSSProperties } from 'react';

const sans = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
const mono = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace";

/** The light look, inline because many mail clients read nothing else. */
export const look = {
  page: { backgroundColor: '#f3f3f5', color: '#1d1f27', fontFamily: sans, padding: '32px 12px' },
  card: {
    backgroundColor: '#ffffff',
    border: '1px solid #e3e3e8',
    borderRadius: '12px',
    borderCollapse: 'separate',
    padding: '32px 36px 36px',
  },
  brand: { color: '#6a6d7a', fontSize: '13px', lineHeight: '20px', margin: '0 0 14px' },
  label: { color: '#b3402f', fontSize: '13px', fontWeight: 600, lineHeight: '20px', margin: '0 0 4px' },
  title: { color: '#1d1f27', fontSize: '22px', fontWeight: 650, lineHeight: '30px', margin: '0 0 12px' },
  subtitle: { color: '#1d1f27', fontSize: '15px', fontWeight: 650, lineHeight: '22px', margin: '28px 0 8px' },
  text: { color: '#1d1f27', fontSize: '15px', lineHeight: '24px', margin: '0 0 18px' },
  facts: { borderCollapse: 'collapse', width: '100%' },
  term: {
    borderTop: '1px solid #ececf0',
    color: '#6a6d7a',
    fontSize: '14px',
    fontWeight: 400,
    lineHeight: '20px',
    padding: '8px 16px 8px 0',
    textAlign: 'left',
    verticalAlign: 'top',
    whiteSpace: 'nowrap',
    width: '128px',
  },
  detail: {
    borderTop: '1px solid #ececf0',
    color: '#1d1f27',
    fontSize: '14px',
    lineHeight: '20px',
    overflowWrap: 'anywhere',
    padding: '8px 0',
    verticalAlign: 'top',
    wordBreak: 'break-word',
  },
  command: {
    backgroundColor: '#f6f6f8',
    border: '1px solid #e3e3e8',
    borderRadius: '8px',
    color: '#1d1f27',
    fontFamily: mono,
    fontSize: '13px',
    lineHeight: '20px',
    margin: '0 0 14px',
    overflowWrap: 'anywhere',
    padding: '9px 12px',
  },
  caption: { color: '#6a6d7a', fontSize: '14px', lineHeight: '20px', margin: '0 0 6px' },
  button: {
    backgroundColor: '#2b3a67',
    border: '1px solid #2b3a67',
    borderRadius: '8px',
    color: '#ffffff',
    fontSize: '14px',
    fontWeight: 600,
    margin: '10px 10px 0 0',
    padding: '11px 18px',
  },
  quietButton: {
    backgroundColor: '#ffffff',
    border: '1px solid #cfd0d8',
    borderRadius: '8px',
    color: '#1d1f27',
    fontSize: '14px',
    fontWeight: 600,
    margin: '10px 10px 0 0',
    padding: '11px 18px',
  },
  footer: { color: '#6a6d7a', fontSize: '13px', lineHeight: '20px', margin: '18px 0 0', padding: '0 8px' },
} satisfies Record<string, CSSProperties>;

// The page's colour sits on the cell inside the body as well, for clients that drop the body.
const sheet = `
:root { color-scheme: light dark; supported-color-schemes: light dark; }
body { margin: 0; -webkit-text-size-adjust: 100%; }
@media (max-width: 480px) {
  .page > table > tbody > tr > td { padding: 0 !important; }
  .card { border-left: 0 !important; border-right: 0 !important; border-radius: 0 !important;
    padding: 24px 20px 28px !important; }
  .term { padding-right: 12px !important; white-space: normal !important; width: 84px !important; }
  .button { display: block !important; margin-right: 0 !important; text-align: center !important; }
  .footer { margin: 16px 0 24px !important; padding: 0 20px !important; }
}
@media (prefers-color-scheme: dark) {
  .page, .page > table > tbody > tr > td { background-color: #131419 !important; }
  .card { background-color: #1c1e25 !important; border-color: #2d303a !important; }
  .title, .text, .detail { color: #e9e9ee !important; }
  .brand, .term, .caption, .footer { color: #a0a4b2 !important; }
  .label { color: #f08a78 !important; }
  .term, .detail { border-color: #2d303a !important; }
  .command { background-color: #14151a !important; border-color: #2d303a !important; color: #e9e9ee !important; }
  .button { background-color: #b9c6f2 !important; border-color: #b9c6f2 !important; color: #14182a !important; }
  .quiet { background-color: #1c1e25 !important; border-color: #454957 !important; color: #e9e9ee !important; }
}
`;

/** What inline styles cannot say: the narrow and the dark look. */
export function Styles() {
  return <style dangerouslySetInnerHTML={{ __html: sheet }} />;
}
