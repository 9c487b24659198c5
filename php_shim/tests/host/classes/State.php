<?php

/**
 * The installation's database: one file of JSON, locked for the moment of each read and write and never longer, so that two
 * processes can be inside the module at the same time.
 */
final class State
{
    private const CIPHER = 'aes-256-gcm';
    private const START = [
        'next' => 1, 'rows' => [], 'groups' => [], 'packages' => [], 'services' => [],
        'mails' => [], 'settings' => [], 'cron_tasks' => [], 'cron_runs' => [], 'logs' => [],
    ];
    private static string $file = '';
    private static string $key = '';
    private static string $mark = '';
    private static array $known = [];

    public static function open(string $file): void
    {
        self::$file = $file;
        self::change(static function (array &$state): void {
            $state += self::START + ['key' => bin2hex(random_bytes(32))];
            self::$key = $state['key'];
        });
    }

    public static function read(): array
    {
        return self::change(static fn (array &$state) => $state);
    }

    /**
     * @template T
     * @param callable(array): T $work takes the state by reference
     * @return T
     */
    public static function change(callable $work): mixed
    {
        $lock = fopen(self::$file . '.lock', 'c') ?: throw new RuntimeException('cannot open the lock file');
        flock($lock, LOCK_EX);
        try {
            $state = $before = self::load();
            $result = $work($state);
            if ($state !== $before) {
                // Replaced as a whole, so that a killed process leaves either the old or the new state.
                $json = json_encode($state, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES);
                $mark = bin2hex(random_bytes(8)) . "\n";
                file_put_contents(self::$file . '.new', $mark . $json);
                rename(self::$file . '.new', self::$file);
                self::$known = $state;
                self::$mark = self::$file . $mark;
            }

            return $result;
        } finally {
            flock($lock, LOCK_UN);
            fclose($lock);
        }
    }

    /**
     * What is in the file; read as a whole only when somebody has replaced it. Each writing has a mark of its own, which
     * stands at the beginning.
     */
    private static function load(): array
    {
        $file = is_file(self::$file) ? fopen(self::$file, 'r') : false;
        if ($file === false) {
            return [];
        }
        $mark = self::$file . fgets($file);
        if ($mark !== self::$mark) {
            self::$known = json_decode((string) stream_get_contents($file), true, 64, JSON_THROW_ON_ERROR);
            self::$mark = $mark;
        }
        fclose($file);

        return self::$known;
    }

    public static function nextId(array &$state): int
    {
        return $state['next']++;
    }

    public static function seal(string $text): string
    {
        $iv = random_bytes(12);
        $sealed = openssl_encrypt($text, self::CIPHER, self::key(), OPENSSL_RAW_DATA, $iv, $tag);

        return base64_encode($iv . $tag . $sealed);
    }

    public static function unseal(string $text): string
    {
        $raw = (string) base64_decode($text, true);
        $iv = substr($raw, 0, 12);

        return (string) openssl_decrypt(
            substr($raw, 28),
            self::CIPHER,
            self::key(),
            OPENSSL_RAW_DATA,
            $iv,
            substr($raw, 12, 16)
        );
    }

    private static function key(): string
    {
        // Kept aside, because sealing happens inside change() too, and the lock is not taken twice.
        return (string) hex2bin(self::$key);
    }

    /**
     * Fields as they are stored: checked like Blesta checks them, secrets sealed.
     *
     * @return array<string, array{value: string, encrypted: int}>
     */
    public static function storable(array $fields): array
    {
        $stored = [];
        foreach ($fields as $field) {
            $key = $field['key'] ?? '';
            $value = $field['value'] ?? '';
            if (!is_string($key) || $key === '' || strlen($key) > 32 || !is_scalar($value) || (string) $value === '') {
                throw new UnexpectedValueException('Blesta refuses the field ' . json_encode([$key, gettype($value)]));
            }
            $secret = in_array($field['encrypted'] ?? 0, [1, '1', true, 'true'], true);
            $text = $secret ? self::seal((string) $value) : (string) $value;
            $stored[$key] = ['value' => $text, 'encrypted' => (int) $secret];
        }

        return $stored;
    }

    /**
     * @param array<string, array{value: string, encrypted: int}> $stored
     * @return list<stdClass> as Blesta hands fields to a module: opened, with their flag
     */
    public static function opened(array $stored): array
    {
        $fields = [];
        foreach ($stored as $key => $field) {
            $value = $field['encrypted'] ? self::unseal($field['value']) : $field['value'];
            $fields[] = (object) ['key' => $key, 'value' => $value, 'encrypted' => $field['encrypted']];
        }

        return $fields;
    }
}
