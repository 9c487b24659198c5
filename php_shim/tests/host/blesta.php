<?php

/**
 * A small Blesta installation on the command line, around the real module.
 *
 *     php blesta.php --state FILE <command> ['{json}']        (the JSON may also be given as "-" and come on stdin)
 *
 * Prints one JSON object: {ok, errors, service, log, …}. `ok` is whether Blesta took the command for done, `errors` the
 * module's Input errors {field: {rule: message}} or null, `service` {id, status, fields: {key: value}, encrypted: [keys],
 * date_renews, paid, mails, …} with secrets opened, `log` what the module wrote to Blesta's module log during the command.
 * Exit status 0 whenever that object was printed, 1 with {"fatal": text} otherwise. Everything is kept in FILE, with
 * encrypted values sealed; FILE is locked for moments only, never while the module talks to the bridge, so that commands
 * may run at the same time.
 *
 * | command        | JSON members ("?" = optional)                                   | what happens, and what else is answered |
 * |----------------|-----------------------------------------------------------------|------------------------------------------|
 * | install        |                                                                 | the module's install()                    |
 * | add-row        | name, bridge_url, bridge_key, completion_mode?, wait_seconds?, infrafabric_api_url, infrafabric_api_key, default_datacenter?, provisioning_timeout?, webhook_secret? | `row`: its id |
 * | edit-row       | row, and the members of add-row                                 | `row`                                     |
 * | add-group      | rows: [id], add_order?                                          | `group`                                   |
 * | add-package    | meta: {type, plan or cpus+memory_mb+disk_gb, image, image_choices?, datacenter?}, row? or group?, name? | `package` |
 * | edit-package   | package, and the members of add-package                         | `package`                                 |
 * | order          | package, client_id?, fields: {ifb_hostname, ifb_image?, ifb_ssh_key?}, configoptions?, date_renews?, paid? | a pending service (use_module "false") |
 * | add            | as order, with ifb_key in fields; use_module?                   | staff adds an active service at once      |
 * | pay            | service                                                         | its invoice is paid                       |
 * | activate       | service, staff_id?, use_module?                                 | pending → active through addService        |
 * | cron-provision |                                                                 | activates all paid pending services; `services`; `errors` by service id |
 * | suspend        | service, suspension_reason?, use_module?, staff_id?             |                                           |
 * | unsuspend      | service, use_module?                                            |                                           |
 * | cancel         | service, use_module?                                            |                                           |
 * | renew          | service, date_renews? ("YYYY-MM-DD hh:mm:ss", UTC)              | renewal invoice paid                      |
 * | edit           | service, fields: {…}, configoptions? {name: value}, use_module? |                                           |
 * | change-package | service, package                                                |                                           |
 * | tab            | service, method? (tabClientOverview, tabPower, …), get?, post?, staff_id? | `html`, `nonce` of its form, `messages` |
 * | sync           |                                                                 | the module's cron; `services`             |
 * | show / list    | service / –                                                     | `service` / `services`                    |
 * | fields         | method? (getClientAddFields, …, getPackageFields), package?, row?, vars? | `fields`: {name: {type, value, …}} |
 * | info           | service                                                         | `admin` and `client`: HTML of the service info |
 * | page           | page (manage, add-row, edit-row), row?, vars?                   | `html`                                    |
 *
 * A POST on a tab looks like {"service": 4, "method": "tabClientPower", "post": {"action": "reboot", "confirm": "1", "nonce": "…"}}.
 */

require __DIR__ . '/bootstrap.php';

try {
    $arguments = array_slice($argv, 1);
    if (($arguments[0] ?? '') !== '--state' || count($arguments) < 3) {
        throw new InvalidArgumentException('usage: php blesta.php --state FILE <command> [json]');
    }
    [, $file, $command] = $arguments;
    $json = $arguments[3] ?? '{}';
    $json = $json === '-' ? (string) stream_get_contents(STDIN) : $json;
    State::open($file);
    $answer = (new MiniBlesta())->run($command, json_decode($json, true, 64, JSON_THROW_ON_ERROR));
    echo json_encode($answer, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE), "\n";
} catch (Throwable $error) {
    echo json_encode(['fatal' => $error::class . ': ' . $error->getMessage() . ' at ' . basename($error->getFile())
        . ':' . $error->getLine()]), "\n";
    exit(1);
}
