import proto, { type temporal } from '@temporalio/proto';

const { History } = proto.temporal.api.history.v1;
export type History = temporal.api.history.v1.IHistory;

/**
 * A history as a file that people can read and compare. It contains nothing of the machine that
 * recorded it. The SDK's own `historyToJSON` fails when npm installs protobufjs more than once.
 */
export function formatHistory(history: History): string {
  const plain = History.toObject(History.fromObject(history), {
    ...{ enums: String, longs: String, bytes: String },
  });
  const text = JSON.stringify(
    plain,
    (key, value: unknown) => {
      if (key === 'identity') return 'recorder';
      return key === 'stackTrace' ? '' : value;
    },
    1,
  );
  return `${text}\n`;
}

/** Fails when the text is no history with at least one event. */
export function parseHistory(text: string): History {
  const plain = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const history = History.fromObject(plain);
  if (history.events.length === 0) throw new Error('a history without events');
  return history;
}
