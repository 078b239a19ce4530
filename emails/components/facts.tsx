import { look } from './styles.tsx';

/** Name and value. */
export type Fact = readonly [term: string, detail: string];

/** Facts one below the other; long values wrap. */
export function Facts(props: { facts: readonly Fact[] }) {
  return (
    <table border={0} cellPadding={0} cellSpacing={0} style={look.facts}>
      <tbody>
        {props.facts.map(([term, detail]) => (
          <tr key={term}>
            <th className="term" scope="row" style={look.term}>
              {term}
            </th>
            <td className="detail" style={look.detail}>
              {detail}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The same facts as lines of text, the values in one column. */
export function factLines(facts: readonly Fact[]): string {
  const width = Math.max(...facts.map(([term]) => term.length)) + 2;
  return facts.map(([term, detail]) => `${term.padEnd(width)}${detail}`).join('\n');
}
