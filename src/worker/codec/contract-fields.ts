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

/** The names of the fields of a value, at any depth. A map has no names of its own. */
type FieldOf<T> = T extends readonly unknown[]
  ? FieldOf<T[number]>
  : T extends object
    ? { [K in keyof T & string]: (string extends K ? never : K) | FieldOf<T[K]> }[keyof T & string]
    : never;

/** Fields of the inputs and of the results of all that can be called. */
type Passed<T> = {
  [K in keyof T]: T[K] extends (...input: infer Input) => infer Result
    ? FieldOf<Input> | FieldOf<Awaited<Result>>
    : never;
}[keyof T];

/** Fields of the inputs and of the answers of all signals, queries and updates. */
type Sent<T> = {
  [K in keyof T]: T[K] extends UpdateDefinition<infer Answer, infer Input>
    ? FieldOf<Answer> | FieldOf<Input>
    : T[K] extends QueryDefinition<infer Answer, infer Input>
      ? FieldOf<Answer> | FieldOf<Input>
      : T[K] extends SignalDefinition<infer Input>
        ? FieldOf<Input>
        : never;
}[keyof T];

/** What the SDK packs message and stack trace of a failure into. */
type FailureField = 'message' | 'stack_trace';

/**
 * Every name of a field that a payload of this program may have. Whoever adds one has to say in
 * `shown-fields.ts` whether people may see it: the program does not compile before.
 */
export type ContractField =
  | Passed<typeof workflows>
  | Passed<AllActivities>
  | Sent<typeof messages>
  | FieldOf<messages.BuildMemo>
  | FailureField;
