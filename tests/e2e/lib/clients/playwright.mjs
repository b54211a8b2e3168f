import { chromium } from 'playwright-core';

export async function attach({ address, site, viewport }) {
  const browser = await chromium.connectOverCDP(address);
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  await page.goto(site);
  return {
    name: `Playwright at ${address}`,
    click: () => page.click('#more'),
    count: async () => Number(await page.textContent('#count')),
    title: () => page.title(),
    front: () => page.bringToFront(),
    screenshot: () => page.screenshot(),
    leave: () => browser.close(),
  };
}
