<?php

declare(strict_types=1);

namespace Infrafabric\Tests;

use State;

/**
 * Cron with very much to do: within its memory, killed in the middle, and twice at the same time. Each run is a process.
 */
final class SyncLoadTest extends ShimTestCase
{
    private const CHANGES = 10000;
    private const SERVICES = 20;
    private const MEMORY = '48M';

    /** @var list<string> */
    private array $keys = [];

    protected function setUp(): void
    {
        parent::setUp();
        $row = $this->row();
        $package = $this->package($row);
        for ($number = 0; $number < self::SERVICES; $number++) {
            $this->keys[] = sprintf('6f1c1c52-6a0e-4c58-9d3c-%012x', $number);
            $this->service($package, 'active', ['ifb_key' => $this->keys[$number]]);
        }
    }

    private function much(int $changes): void
    {
        $answer = ['status' => 200, 'changes' => ['total' => $changes, 'keys' => $this->keys]];
        self::$bridge->script(['GET /v1/changes' => [$answer]]);
    }

    /**
     * @return resource a run of cron
     */
    private function begin()
    {
        $driver = __DIR__ . '/host/blesta.php';
        $command = [PHP_BINARY, '-d', 'memory_limit=' . self::MEMORY, $driver, '--state', $this->stateFile(), 'sync'];
        $process = proc_open($command, [1 => ['file', '/dev/null', 'w'], 2 => ['file', '/dev/null', 'w']], $pipes);
        self::assertIsResource($process);

        return $process;
    }

    /**
     * @param resource $process
     */
    private static function end($process): int
    {
        do {
            usleep(20000);
            $status = proc_get_status($process);
        } while ($status['running']);
        proc_close($process);

        return $status['exitcode'];
    }

    private function assertEverythingArrived(int $changes): void
    {
        $stored = [];
        foreach (State::read()['services'] as $service) {
            $stored[$service['fields']['ifb_key']['value']] = $service['fields']['ifb_ips']['value'] ?? '';
        }
        for ($number = $changes - self::SERVICES + 1; $number <= $changes; $number++) {
            self::assertSame("change $number", $stored[$this->keys[$number % self::SERVICES]]);
        }
        self::assertSame([(string) $changes], array_values(State::read()['settings'][1] ?? []));
    }

    /**
     * Proves that ten thousand changes are applied in one run, in little memory and much less time than cron has.
     */
    public function testTenThousandChanges(): void
    {
        $this->much(self::CHANGES);
        $start = microtime(true);
        self::assertSame(0, self::end($this->begin()));
        self::assertLessThan(120, microtime(true) - $start);
        $this->assertEverythingArrived(self::CHANGES);
        self::assertCount(self::CHANGES / 200 + 1, self::$bridge->requests());
    }

    /**
     * Proves that a run killed with SIGKILL costs at most the page it was at: the next goes on there, and all is right.
     */
    public function testKilledInTheMiddle(): void
    {
        $this->much(2000);
        foreach ([2, 5, 8] as $pages) {
            $process = $this->begin();
            while (count(self::$bridge->requests()) < $pages) {
                usleep(1000);
            }
            usleep(random_int(0, 30000));
            posix_kill(proc_get_status($process)['pid'], SIGKILL);
            self::end($process);
        }
        self::assertSame(0, self::end($this->begin()));
        $this->assertEverythingArrived(2000);
        self::assertLessThanOrEqual(2000 / 200 + 1 + 3, count(self::$bridge->requests()));
    }

    /**
     * Proves that two runs at once, as after a cleared task lock, leave everything right.
     */
    public function testTwoAtOnce(): void
    {
        $this->much(1000);
        $both = [$this->begin(), $this->begin()];
        self::assertSame([0, 0], array_map(self::end(...), $both));
        self::assertSame(0, self::end($this->begin()));
        $this->assertEverythingArrived(1000);
    }

    /**
     * Proves that a run stops when its time is over, and the next one goes on where it stopped.
     */
    public function testARunHasAnEnd(): void
    {
        $this->much(1000);
        $slow = ['status' => 200, 'changes' => ['total' => 1000, 'keys' => $this->keys], 'delay_ms' => 400];
        self::$bridge->script(['GET /v1/changes' => [$slow]]);
        $row = (new \ModuleManager())->getRows(1)[0];
        $module = $this->module((int) $row->id);
        $run = new \ReflectionMethod($module, 'syncRows');
        $run->setAccessible(true);
        \Loader::loadModels($module, ['Services', 'Companies', 'ModuleManager']);
        $run->invoke($module, [[1, $row]], 1, new \Infrafabric\Deadline(1.0));
        $read = count(self::$bridge->requests());
        self::assertGreaterThan(0, $read);
        self::assertLessThan(6, $read);
        self::assertSame(0, self::end($this->begin()));
        $this->assertEverythingArrived(1000);
        self::assertCount(1000 / 200 + 1, self::$bridge->requests());
    }
}
