/** The fields of a statement of provenance that tests check. */
export interface ProvenanceStatement {
  readonly _type: string;
  readonly predicateType: string;
  readonly subject: readonly {
    readonly name: string;
    readonly digest: { readonly sha256: string };
  }[];
  readonly predicate: {
    readonly buildDefinition: { readonly externalParameters: Readonly<Record<string, string>> };
    readonly runDetails: {
      readonly builder: { readonly id: string };
      readonly metadata: {
        readonly invocationId: string;
        readonly startedOn: string;
        readonly finishedOn: string;
      };
    };
  };
}

export function parseStatement(text: string): ProvenanceStatement {
  return JSON.parse(text) as ProvenanceStatement;
}
