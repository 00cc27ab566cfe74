import {
  defaultPayloadConverter,
  RawValue,
  type Payload,
  type PayloadConverter,
} from '@temporalio/common';
import { readClearValue } from '../../domain/clear-text.ts';
import { markClear } from './clear-payload.ts';

/**
 * Marks what may be read by everybody who sees Temporal: values of `clearValue`, and what the SDK itself
 * answers to its own queries, which it wraps as raw values. Whatever has no mark is encrypted.
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

/** Loaded by path, also inside the workflow bundle. */
export const payloadConverter = new MarkingPayloadConverter();
