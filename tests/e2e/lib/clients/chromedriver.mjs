import { Builder, By } from 'selenium-webdriver';
import chrome from 'selenium-webdriver/chrome.js';

// With the driver's path given Selenium has no reason to look for one, and this makes an error of looking.
process.env.SE_MANAGER_PATH = '/bin/false';

export async function attach({ address, site }) {
  const driver = await new Builder()
    .forBrowser('chrome')
    .setChromeOptions(new chrome.Options().debuggerAddress(new URL(address).host))
    .setChromeService(new chrome.ServiceBuilder('/usr/bin/chromedriver'))
    .build();
  // It starts on a page that was there already, which is somebody else's.
  await driver.switchTo().newWindow('window');
  await driver.get(site);
  return {
    click: () => driver.findElement(By.id('more')).click(),
    count: async () => Number(await driver.findElement(By.id('count')).getText()),
    title: () => driver.getTitle(),
    screenshot: async () => Buffer.from(await driver.takeScreenshot(), 'base64'),
    leave: async () => {
      await driver.close();
      await driver.quit();
    },
  };
}
