/** Functions that return promises, such as activities, by name. */
export type Calls<T> = Record<keyof T, Call>;

type Call = (...input: never[]) => Promise<unknown>;

/** The input of a wrapper: the name of a call, and the call. */
export type Wrap = (name: string, call: Call) => Call;

/** Wraps each of the calls. A wrapped call must return a value of the original call's type. */
export function wrapCalls<T extends Calls<T>>(calls: T, wrap: Wrap): T {
  const wrapped = { ...calls };
  for (const [name, call] of Object.entries<Call>(calls)) {
    Object.assign(wrapped, { [name]: wrap(name, call) });
  }
  return wrapped;
}
