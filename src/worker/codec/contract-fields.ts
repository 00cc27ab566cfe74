import type { QueryDefinition, SignalDefinition, UpdateDefinition } from '@temporalio/common';
import type {
  BuildActivities,
  ConfigActivities,
  FleetActivities,
  SlotActivities,
} from '../../activities/contract.ts';
import type * as workflows from '../../workflows/index.ts';
import type * as messages from '../../workflows/messages.ts';

type AllActivities = ConfigActivities & SlotActivities & FleetActivities & BuildActivities;

/** The names of the fields of a value, at any depth. The keys of a map are not included. */
type FieldOf<T> = T extends readonly unknown[]
  ? FieldOf<T[number]>
  : T extends object
    ? { [K in keyof T & string]: (string extends K ? never : K) | FieldOf<T[K]> }[keyof T & string]
    : never;

/** Fields of the inputs and results of all workflows and activities. */
type Passed<T> = {
  [K in keyof T]: T[K] extends (...input: infer Input) => infer Result
    ? FieldOf<Input> | FieldOf<Awaited<Result>>
    : never;
}[keyof T];

/** Fields of the inputs and answers of all signals, queries and updates. */
type Sent<T> = {
  [K in keyof T]: T[K] extends UpdateDefinition<infer Answer, infer Input>
    ? FieldOf<Answer> | FieldOf<Input>
    : T[K] extends QueryDefinition<infer Answer, infer Input>
      ? FieldOf<Answer> | FieldOf<Input>
      : T[K] extends SignalDefinition<infer Input>
        ? FieldOf<Input>
        : never;
}[keyof T];

/** The fields into which the SDK encodes the message and stack trace of a failure. */
type FailureField = 'message' | 'stack_trace';

/**
 * Every field name that a payload of this program may have. The program does not compile until
 * `shown-fields.ts` tells whether people may see a new field.
 */
export type ContractField =
  | Passed<typeof workflows>
  | Passed<AllActivities>
  | Sent<typeof messages>
  | FieldOf<messages.BuildMemo>
  | FailureField;
