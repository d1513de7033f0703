// Opens /docs in Chromium and tries routes out, once with a mock token and once with a browser's session.
// Usage: node docs.mjs <address of the API> <folder for the pictures> <email> <password>
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [address, pictures, email, password] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});

// A page that has just loaded, with what it asked for and what it complained of.
async function open(width) {
  const context = await browser.newContext({ viewport: { width, height: 900 } });
  const page = await context.newPage();
  const asked = [];
  const complaints = [];
  page.on("request", (request) => request.url().startsWith("data:") || asked.push(request.url()));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`${address}/docs`);
  await page.locator(".opblock").first().waitFor();
  return { page, asked, complaints };
}

async function authorize(page, scheme, value) {
  await page.locator(".auth-wrapper .authorize").first().click();
  const form = page.locator(".auth-container").filter({ has: page.locator(`h4 code, h4 span`, { hasText: new RegExp(`^${scheme}$`) }) });
  await form.locator("input").fill(value);
  await form.getByRole("button", { name: "Apply credentials" }).click();
  await page.locator(".btn-done").first().click();
}

// Executes an operation and gives the status of its answer.
async function execute(page, tag, operation, body) {
  const block = page.locator(`[id="operations-${tag}-${operation}"]`);
  if (!(await block.getAttribute("class")).includes("is-open")) await block.locator(".opblock-summary-control").click();
  if (body) await block.locator(".body-param__text").fill(JSON.stringify(body));
  await block.locator(".execute").click();
  const status = block.locator(".live-responses-table .response-col_status").nth(1);
  await status.waitFor();
  const text = await status.innerText();
  await block.locator(".btn-clear").click();
  return Number.parseInt(text, 10);
}

try {
  for (const [width, name] of [[1280, "wide"], [390, "narrow"]]) {
    const { page, asked, complaints } = await open(width);
    await page.screenshot({ path: `${pictures}/docs-${name}.png` });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `at ${width} pixels the page is ${overflow} wider than its window`);
    assert.deepEqual(asked.map((url) => new URL(url).pathname), ["/docs", "/docs/script.js", "/openapi.json"]);
    assert.deepEqual(complaints, []);
  }

  const token = await open(1280);
  await authorize(token.page, "user", "mock_11111111-1111-4111-8111-111111111111");
  assert.equal(await execute(token.page, "account", "get-me"), 200, "get-me with a mock token");
  await token.page.screenshot({ path: `${pictures}/docs-token.png` });

  const session = await open(1280);
  const login = await execute(session.page, "account", "browser-login", { email, password });
  assert.equal(login, 200, "browser-login");
  assert.equal(await execute(session.page, "account", "get-me"), 200, "get-me by cookie");
  // The page has taken the CSRF token from the login's answer.
  assert.equal(await execute(session.page, "account", "update-me", { display_name: "Ada" }), 200, "update-me by cookie");

  for (const { asked, complaints } of [token, session]) {
    for (const url of asked) assert.ok(url.startsWith(`${address}/`), `asked elsewhere: ${url}`);
    assert.deepEqual(complaints, []);
  }
  console.log("ok");
} finally {
  await browser.close();
}
