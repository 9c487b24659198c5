<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

use RuntimeException;

/**
 * Starts the scripted bridge as a process of its own and reads what it was asked.
 */
final class ScriptedBridge
{
    public readonly string $url;
    public readonly string $dir;
    /** @var resource */
    private $process;

    public function __construct()
    {
        $this->dir = sys_get_temp_dir() . '/scripted-bridge-' . bin2hex(random_bytes(6));
        mkdir($this->dir);
        $this->reset();
        $address = self::freeAddress();
        $this->url = 'http://' . $address;
        $this->process = proc_open(
            ['setsid', PHP_BINARY, '-d', 'opcache.enable_cli=0', '-S', $address, __DIR__ . '/router.php'],
            [
                ['file', '/dev/null', 'r'],
                ['file', $this->dir . '/server.log', 'a'],
                ['file', $this->dir . '/server.log', 'a'],
            ],
            $pipes,
            null,
            ['SCRIPTED_BRIDGE_DIR' => $this->dir, 'PHP_CLI_SERVER_WORKERS' => '4']
        );
        $this->await($address);
    }

    private static function freeAddress(): string
    {
        $socket = stream_socket_server('tcp://127.0.0.1:0');
        $address = stream_socket_get_name($socket, false);
        fclose($socket);

        return $address;
    }

    private function await(string $address): void
    {
        $end = microtime(true) + 10;
        while (microtime(true) < $end) {
            $socket = @stream_socket_client("tcp://$address", $code, $text, 1);
            if ($socket !== false) {
                fclose($socket);

                return;
            }
            usleep(20000);
        }
        throw new RuntimeException('the scripted bridge did not start: ' . file_get_contents($this->dir . '/server.log'));
    }

    public function stop(): void
    {
        // The workers outlive a server that is merely asked to end, so the group it leads (by setsid) is ended as a whole.
        posix_kill(-proc_get_status($this->process)['pid'], SIGKILL);
        proc_close($this->process);
        array_map('unlink', glob($this->dir . '/*') ?: []);
        rmdir($this->dir);
    }

    public function reset(): void
    {
        file_put_contents($this->dir . '/script.json', '{}');
        file_put_contents($this->dir . '/requests.jsonl', '');
    }

    /**
     * @param array<string, list<array<string, mixed>>> $script answers by "METHOD path-pattern"
     */
    public function script(array $script): void
    {
        file_put_contents($this->dir . '/script.json', json_encode($script, JSON_THROW_ON_ERROR));
    }

    /**
     * @return list<array<string, mixed>>
     */
    public function requests(): array
    {
        $lines = file($this->dir . '/requests.jsonl', FILE_IGNORE_NEW_LINES | FILE_SKIP_EMPTY_LINES) ?: [];

        return array_map(static fn (string $line) => json_decode($line, true, 64, JSON_THROW_ON_ERROR), $lines);
    }
}
