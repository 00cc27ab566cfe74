import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricName } from '../../domain/metrics/metric-table.ts';

// Only this file uses prom-client.

export type Labels = Readonly<Record<string, string | number>>;

/** Values by name and labels, as a scrape shows them. */
export interface MetricRegistry {
  add(name: MetricName, labels?: Labels, by?: number): void;
  set(name: MetricName, labels: Labels, value: number): void;
  /** Adds to a gauge, which begins at 0. */
  increase(name: MetricName, labels: Labels, by?: number): void;
  observe(name: MetricName, labels: Labels, value: number): void;
  /** Forgets all values of a gauge, so that rows which no longer exist are not shown. */
  reset(name: MetricName): void;
  /** Formats all values in Prometheus' text format. */
  format(): Promise<string>;
  readonly registry: Registry;
}

type AnyMetric = Counter | Gauge | Histogram;

export function createRegistry(): MetricRegistry {
  const registry = new Registry();
  const made = new Map<string, AnyMetric>();
  for (const [name, { kind, help, labels, buckets }] of Object.entries(METRICS)) {
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (kind === 'counter') made.set(name, new Counter(options));
    else if (kind === 'gauge') made.set(name, new Gauge(options));
    else made.set(name, new Histogram({ ...options, buckets: [...(buckets ?? [])] }));
  }
  const find = <T extends AnyMetric>(name: MetricName, type: new (...args: never[]) => T): T => {
    const metric = made.get(name);
    if (metric instanceof type) return metric;
    throw new Error(`${name} is no ${type.name}`);
  };
  return {
    registry,
    add: (name, labels = {}, by = 1) => find(name, Counter).inc(labels, by),
    increase: (name, labels, by = 1) => find(name, Gauge).inc(labels, by),
    set: (name, labels, value) => find(name, Gauge).set(labels, value),
    observe: (name, labels, value) => find(name, Histogram).observe(labels, value),
    reset: (name) => find(name, Gauge).reset(),
    format: () => registry.metrics(),
  };
}
