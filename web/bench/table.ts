/** What was measured, as a table: smallest, median and largest value of the runs, beside the target. */
import { cpus, loadavg } from 'node:os';

interface Row {
  name: string;
  values: number[];
  unit: string;
  /** `undefined`: no target, told for comparison. */
  below?: number;
}

const rows: Row[] = [];

export const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
};

export const quantile = (values: number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
};

/** Notes values of one figure, one a run. The median of the runs is held against the target. */
export function note(name: string, unit: string, values: number[], below?: number): void {
  rows.push({ name, unit, values, ...(below !== undefined && { below }) });
}

const figure = (value: number): string =>
  value >= 1000 ? value.toFixed(0) : value.toFixed(value >= 100 ? 0 : 1);

export const load = (): string => (loadavg()[0] ?? 0).toFixed(1);

export function table(head: string): string {
  const lines = [
    head,
    `${cpus()[0]?.model ?? ''}, ${cpus().length} cores; load at the end ${load()}`,
    `${''.padEnd(58)}${['min', 'median', 'max'].map((word) => word.padStart(9)).join('')}`,
  ];
  for (const { name, values, unit, below } of rows) {
    if (values.length === 0) {
      lines.push(`${name.padEnd(58)}   not measured`);
      continue;
    }
    const columns = [Math.min(...values), median(values), Math.max(...values)];
    const text = columns.map((value) => figure(value).padStart(9)).join('');
    const target =
      below === undefined
        ? ''
        : `   limit ${figure(below)}: ${median(values) <= below ? 'ok' : 'MISSED'}`;
    lines.push(`${name.padEnd(58)}${text} ${unit.padEnd(5)}${target}`.trimEnd());
  }
  return lines.join('\n');
}

export const missed = (): string[] =>
  rows
    .filter(({ values, below }) => below !== undefined && !(median(values) <= below))
    .map(({ name }) => name);
