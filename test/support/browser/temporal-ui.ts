import type { Browser, BrowserContext, FrameLocator, Locator, Page } from 'playwright-core';
import { whenReady, type RunnerProcess } from '../runner-process.ts';

/** The actions of a person who opens the Temporal UI. */
export interface TemporalUi {
  /** Opens the list of workflows, limited by a query, in place of the current page. */
  openList(query?: string): Promise<WorkflowList>;
  close(): Promise<void>;
}

export interface WorkflowList {
  readonly page: Page;
  /** Finds the row of the workflow that has this text in its id. */
  row(part: string): Locator;
  /** Opens a workflow by the link in its row. */
  open(part: string): Promise<WorkflowPage>;
}

export interface WorkflowPage {
  readonly page: Page;
  /** The status as the page shows it, such as `Running` or `Failed`. */
  readonly status: Locator;
  readonly result: Locator;
  readonly input: Locator;
  /** Opens the tab that shows the summary, the details and the current details. */
  openDetails(): Promise<WorkflowDetails>;
  /** Sends a query on the tab of queries. Returns the element where the answer appears. */
  askQuery(name: string): Promise<Locator>;
  /** Fills in the form of a signal or an update and sends it; `data` is JSON. */
  send(kind: 'Signal' | 'Update', name: string, data?: string): Promise<SentForm>;
}

export interface WorkflowDetails {
  readonly summary: FrameLocator;
  readonly details: FrameLocator;
  readonly currentDetails: FrameLocator;
}

export interface SentForm {
  /** The form itself, which stays open when there is an error. */
  readonly form: Locator;
  /** The text of the chosen signal or update in the form. */
  readonly description: string;
  /** This message appears when the signal or update was accepted. */
  readonly success: Locator;
}

export interface UiOptions {
  readonly viewport?: { readonly width: number; readonly height: number };
  /** The address of the codec server for the UI, if the UI should reach one. */
  readonly codecEndpoint?: string;
}

/** The time limit is long, because other tests may keep two cores busy. */
const LIMIT_MS = 60_000;

/** Opens the UI of a runner's embedded Temporal. The runner must be ready. */
export async function openTemporalUi(
  browser: Browser,
  runner: RunnerProcess,
  options: UiOptions = {},
): Promise<TemporalUi> {
  const { ui } = await whenReady(runner);
  const { viewport = { width: 1200, height: 900 } } = options;
  const context = await browser.newContext({ viewport, timezoneId: 'UTC', locale: 'en-US' });
  context.setDefaultTimeout(LIMIT_MS);
  const { codecEndpoint = ui } = options;
  await answerByNode(context, [new URL(ui).host, new URL(codecEndpoint).host]);
  let page = await context.newPage();
  return {
    openList: async (query) => {
      // Each page holds connections open, and a browser opens at most six to one host.
      await page.close();
      page = await context.newPage();
      const search = query === undefined ? '' : `?query=${encodeURIComponent(query)}`;
      await page.goto(`${ui}/namespaces/default/workflows${search}`);
      await page.getByRole('table', { name: 'Workflows' }).waitFor();
      return workflowList(page);
    },
    close: () => context.close(),
  };
}

/**
 * Lets Node request the pages for the browser. Chromium itself closes its connections, also those
 * over loopback, when the machine's network changes (ERR_NETWORK_CHANGED). That happens whenever
 * Docker starts or ends a container, and the UI then shows an error page. Requests to other hosts
 * are refused: the UI only looks for news there.
 */
async function answerByNode(context: BrowserContext, hosts: readonly string[]): Promise<void> {
  await context.route(/.*/, async (route) => {
    if (!hosts.includes(new URL(route.request().url()).host)) return route.abort();
    try {
      // A request for the next event has no answer until there is an event.
      await route.fulfill({ response: await route.fetch({ timeout: 0 }) });
    } catch {
      // This fails when the page was closed or left, or the server is away. The browser then gets
      // an error.
      await route.abort().catch(() => undefined);
    }
  });
}

function workflowList(page: Page): WorkflowList {
  const row = (part: string): Locator => page.getByRole('row').filter({ hasText: part });
  return {
    page,
    row,
    open: async (part) => {
      await row(part).getByRole('link').first().click();
      await page.getByRole('tab', { name: 'User Metadata' }).waitFor();
      return workflowPage(page);
    },
  };
}

function workflowPage(page: Page): WorkflowPage {
  return {
    page,
    status: page.getByRole('main').getByRole('status').first(),
    result: page.getByRole('textbox', { name: 'Result', exact: true }),
    input: page.getByRole('textbox', { name: 'Input', exact: true }),
    openDetails: async () => {
      await page.getByRole('tab', { name: 'User Metadata' }).click();
      return {
        summary: page.frameLocator('#user-metadata-summary'),
        details: page.frameLocator('#user-metadata-details'),
        currentDetails: page.frameLocator('#user-metadata-current-details'),
      };
    },
    askQuery: (name) => askQuery(page, name),
    send: (kind, name, data) =>
      send(page, `Send ${kind === 'Update' ? 'an' : 'a'} ${kind}`, { name, data }),
  };
}

async function askQuery(page: Page, name: string): Promise<Locator> {
  await page.getByRole('tab', { name: 'Queries' }).click();
  const chosen = page.getByRole('textbox', { name: 'Query Type' });
  await page.getByRole('button').filter({ has: chosen }).click();
  await option(page, name).click();
  await page.getByRole('button', { name: 'Run Query' }).click();
  return page.getByRole('textbox', { name: 'Query Result' });
}

function option(page: Page, name: string): Locator {
  return page.getByRole('option').filter({ hasText: new RegExp(`^\\s*${name}\\s`) });
}

interface Message {
  readonly name: string;
  readonly data: string | undefined;
}

async function send(page: Page, title: string, { name, data }: Message): Promise<SentForm> {
  await page.getByRole('button', { name: 'More Actions' }).click();
  await page.getByRole('menuitem', { name: title }).click();
  const form = page.getByRole('dialog', { name: title });
  await form.getByRole('button', { name: /^Select an? / }).click();
  const choice = option(page, name);
  const text = (await choice.textContent()) ?? '';
  await choice.click();
  if (data !== undefined) await form.getByRole('textbox', { name: 'Data' }).fill(data);
  await form.getByRole('button', { name: 'Submit' }).click();
  return {
    form,
    description: text,
    success: page.getByText(/^(?:Update|Signal) successful$/i).first(),
  };
}
