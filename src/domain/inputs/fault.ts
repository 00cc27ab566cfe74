/** Source: gitlab-runner `common/spec/inputs_metrics.go` (interpolationErrorType…). */
export type ExpressionFaultKind = 'parse' | 'evaluation' | 'sensitive_unsupported';

/**
 * Why an expression has no value: the fault and its place, or `sensitive` when it would use an
 * input that must not be shown. Caught where templates are expanded.
 */
export class ExpressionFault extends Error {
  override readonly name = 'ExpressionFault';
  readonly kind: ExpressionFaultKind;

  constructor(message: string, kind: ExpressionFaultKind = 'evaluation') {
    super(message);
    this.kind = kind;
  }
}
