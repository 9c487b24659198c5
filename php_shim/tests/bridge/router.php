<?php

/**
 * A bridge that says what it is told to: run by `php -S`, answers from script.json, requests into requests.jsonl.
 *
 * script.json is {"METHOD path-pattern": [answer, …]}; `*` in a pattern stands for one path segment. Each request takes
 * the first answer of the first matching entry, the last answer stays. An answer is {status, body, headers?, raw?,
 * delay_ms?, cut?, changes?}; `changes` {total, keys} makes up a page of that many changes, those of the keys in turn, by
 * `limit` and `cursor` of the query;
 * `cut` breaks the connection in the middle of the answer, so that its sender knows the effect and its
 * receiver does not.
 */

$dir = getenv('SCRIPTED_BRIDGE_DIR');
$raw = (string) file_get_contents('php://input');
$path = (string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$query = (string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_QUERY);
$headers = array_change_key_case(getallheaders(), CASE_LOWER);
$request = ['method' => $_SERVER['REQUEST_METHOD'], 'path' => $path, 'query' => $query, 'headers' => $headers];
$request += ['body' => json_decode($raw, true), 'raw' => $raw];
file_put_contents("$dir/requests.jsonl", json_encode($request) . "\n", FILE_APPEND | LOCK_EX);

$lock = fopen("$dir/lock", 'c');
flock($lock, LOCK_EX);
$script = json_decode((string) file_get_contents("$dir/script.json"), true);
$answer = ['status' => 404, 'body' => ['code' => 'unscripted', 'detail' => "nothing scripted for $path"]];
foreach ($script as $pattern => $answers) {
    $regex = '~\A' . str_replace('\*', '[^/]+', preg_quote($pattern, '~')) . '\z~';
    if (preg_match($regex, $request['method'] . ' ' . $path)) {
        $answer = $answers[0];
        if (count($answers) > 1) {
            $script[$pattern] = array_slice($answers, 1);
            file_put_contents("$dir/script.json", json_encode($script));
        }
        break;
    }
}
flock($lock, LOCK_UN);

usleep(1000 * ($answer['delay_ms'] ?? 0));
http_response_code($answer['status']);
header('Content-Type: ' . ($answer['status'] < 400 ? 'application/json' : 'application/problem+json'));
foreach ($answer['headers'] ?? [] as $name => $value) {
    header("$name: $value");
}
if (isset($answer['changes'])) {
    parse_str($query, $asked);
    $items = [];
    $begin = (int) ($asked['cursor'] ?? 0);
    $end = min($answer['changes']['total'], $begin + (int) ($asked['limit'] ?? 50));
    for ($number = $begin + 1; $number <= $end; $number++) {
        $key = $answer['changes']['keys'][$number % count($answer['changes']['keys'])];
        $fields = [['key' => 'ifb_ips', 'value' => "change $number", 'encrypted' => false]];
        $items[] = ['cursor' => $number, 'service_key' => $key, 'state' => 'active', 'fields' => $fields];
    }
    $answer['body'] = ['items' => $items, 'next_cursor' => $items === [] ? null : (string) $end];
}
$text = $answer['raw'] ?? json_encode($answer['body'] ?? new stdClass());
if (!empty($answer['cut'])) {
    header('Content-Length: ' . (strlen($text) + 100));
}
echo $text;
