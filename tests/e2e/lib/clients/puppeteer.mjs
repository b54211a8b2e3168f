import puppeteer from 'puppeteer-core';

export async function attach({ address, site, viewport }) {
  const at = address.startsWith('ws') ? { browserWSEndpoint: address } : { browserURL: address };
  const browser = await puppeteer.connect({ ...at, defaultViewport: viewport });
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.goto(site);
  return {
    name: `Puppeteer at ${address}`,
    click: () => page.click('#more'),
    count: () => page.$eval('#count', (output) => Number(output.textContent)),
    title: () => page.title(),
    front: () => page.bringToFront(),
    screenshot: () => page.screenshot(),
    leave: async () => {
      await context.close(); // disconnecting leaves it open, as with Chromium itself
      await browser.disconnect();
    },
  };
}
