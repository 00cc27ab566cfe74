import type { BuildContext } from '../context/context.ts';
import type { Variables } from '../variables/variables.ts';
import type { GitSettings } from './git-settings.ts';
import type { GitUrls } from './git-urls.ts';

/** The inputs that all parts of `get_sources` share. */
export interface Sources {
  readonly context: BuildContext;
  readonly variables: Variables;
  readonly settings: GitSettings;
  readonly urls: GitUrls;
}
