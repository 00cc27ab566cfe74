/**
 * Git's messages about a server that did not answer, or not completely. A server that refuses leads
 * to other messages. Source: git `http.c`, `remote-curl.c`, `fetch-pack.c`, `pkt-line.c`.
 */
const CUT_OFF: readonly RegExp[] = [
  // Includes only GitLab's transient answers; an untrusted certificate is permanent.
  /^fatal: unable to access '[^\n]*': (?![^\n]*certificate)(?!The requested URL returned error: (?!408|429|5))/m,
  /^error: RPC failed; (?:curl|HTTP (?:408|429|5))/m,
  // The connection broke before GitLab had checked the credentials. A refusal by GitLab itself has
  // a `remote:` line.
  /(?<!^remote: [^\n]*\n)^fatal: Authentication failed for /m,
  /^fatal: (?:the remote end hung up unexpectedly|early EOF)/m,
  /^(?:fatal|error|fetch-pack): .*unexpected disconnect/m,
];

/** Whether a transient fault kept git from its repository, by its last output. */
export function wasCutOff(said: string): boolean {
  return CUT_OFF.some((words) => words.test(said));
}
