// Results that nobody has measured.

import type { Report } from '../../bench/support/report.js';
import type { Entry, Result } from '../../bench/support/result.js';

export function entry(name: string, ...values: number[]): Entry {
  return { name, values };
}

export function result(section: string, title: string, entries: Entry[], group = 'node24'): Result {
  return { section, group, title, unit: 'us of CPU a message', entries };
}

export function report(results: Result[]): Report {
  return {
    date: '2026-01-02T03:04:05.678Z',
    rounds: 5,
    machine: { cpu: 'A processor', cores: 2, kernel: 'Linux 1.2.3', memory: '8.0 GiB', load: 0.1 },
    versions: { millrace: '0.1.0', node24: '24.1.0', ws: '8.0.0' },
    spent: {},
    failures: [],
    results,
  };
}
