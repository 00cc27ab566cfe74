import {
  defaultPayloadConverter,
  RawValue,
  type Payload,
  type PayloadConverter,
} from '@temporalio/common';
import { readClearValue } from '../../domain/clear-text.ts';
import { markClear } from './clear-payload.ts';

/**
 * Marks payloads that everybody who sees Temporal may read: values of `clearValue`, and the SDK's
 * answers to its own queries, which it wraps as raw values. Payloads without a mark are encrypted.
 */
class MarkingPayloadConverter implements PayloadConverter {
  toPayload(value: unknown): Payload {
    if (value instanceof RawValue) return markClear(value.payload);
    const clear = readClearValue(value);
    if (clear !== undefined) return markClear(defaultPayloadConverter.toPayload(clear.value));
    return defaultPayloadConverter.toPayload(value);
  }

  readonly fromPayload: PayloadConverter['fromPayload'] = (payload) =>
    defaultPayloadConverter.fromPayload(payload);
}

/** The SDK loads it by its path, also inside the workflow bundle. */
export const payloadConverter = new MarkingPayloadConverter();
