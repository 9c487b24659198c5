<?php

declare(strict_types=1);

namespace Infrafabric\Tests\Tabs;

/**
 * What the tabs tell: the machine, what is under way, its history and what it uses.
 */
final class ShowingTabsTest extends TabTestCase
{
    /**
     * Proves that the overview shows what the bridge knows now, ids and errors to staff alone.
     */
    public function testOverview(): void
    {
        $this->bridgeWith([], ['terminate_at' => '2026-12-24T10:30:00+01:00']);
        $client = $this->tab($this->module($this->row), 'tabClientOverview');
        foreach (['192.0.2.10', 'Active', 'On', '2 CPU, 2048 MiB', 'web1.example.com', '2026-12-24 09:30 UTC'] as $text) {
            self::assertStringContainsString($text, $client);
        }
        self::assertStringNotContainsString(self::KEY, $client);
        self::assertStringContainsString(self::KEY, $this->tab($this->module($this->row), 'tabOverview'));
    }

    /**
     * Proves that staff and client read why a service is suspended, from Blesta or else from the bridge.
     */
    public function testWhyItIsSuspended(): void
    {
        $this->service->status = 'suspended';
        foreach (['Blesta says so' => 'Blesta says so', '' => 'The bridge says so'] as $stored => $shown) {
            $this->service->suspension_reason = $stored;
            $this->bridgeWith([], ['state' => 'suspended', 'state_reason' => 'The bridge says so']);
            foreach (['tabClientOverview', 'tabOverview'] as $method) {
                self::assertStringContainsString("suspended: $shown", $this->tab($this->module($this->row), $method));
            }
        }
    }

    /**
     * Proves that a drifting machine is told to staff, and not to a client who can do nothing about it.
     */
    public function testDriftIsForStaff(): void
    {
        $this->bridgeWith([], ['drifted' => true, 'state_reason' => 'InfraFabric reports stopped.']);
        self::assertStringContainsString('reports stopped', $this->tab($this->module($this->row), 'tabOverview'));
        self::assertStringNotContainsString('stopped', $this->tab($this->module($this->row), 'tabClientOverview'));
    }

    /**
     * Proves that a service whose order waits has an overview that says so, although the bridge knows nothing of it.
     */
    public function testAWaitingOrder(): void
    {
        $this->service->status = 'pending';
        $this->bridgeWith(['GET /v1/services/*' => [self::problem(404, 'not_found')]]);
        $module = $this->module($this->row);
        $html = $this->tab($module, 'tabClientOverview');
        self::assertFalse($module->errors());
        self::assertStringContainsString('being prepared', $html);
        self::assertStringNotContainsString('cannot be read at the moment', $html);
    }

    /**
     * Proves that every tab shows real progress, and asks for itself again only while something runs.
     */
    public function testProgress(): void
    {
        $running = ['id' => 'op_7', 'action' => 'reinstall', 'state' => 'awaiting', 'progress' => 40, 'finished_at' => null];
        $this->bridgeWith(
            ['GET /v1/operations/*' => [['status' => 200, 'body' => $running + self::past()]]],
            ['current_operation_id' => 'op_7']
        );
        foreach (self::NAMES as $name) {
            $html = $this->tab($this->module($this->row), "tabClient$name");
            self::assertMatchesRegularExpression('/<progress max="100" value="40"/', $html);
            self::assertStringContainsString('data-url="/admin/services/manage/' . $this->service->id, $html);
            self::assertStringContainsString('window.fetch(', $html);
        }
        $this->bridgeWith([]);
        $html = $this->tab($this->module($this->row), 'tabClientOverview');
        self::assertStringNotContainsString('<script', $html);
        self::assertStringContainsString('data-running="0"', $html);
    }

    /**
     * Proves that history is told in plain words, newest first, page by page, with staff's reasons for staff alone.
     */
    public function testActivity(): void
    {
        $error = ['title' => 'No capacity', 'detail' => 'InfraFabric answered 507 for node 9'];
        $failed = self::past(['state' => 'failed', 'actor' => 'staff:3', 'error' => $error, 'action' => 'add_volume']);
        $this->bridgeWith(['GET /v1/services/*/operations' => [self::page([self::past(), $failed], 'Mg')]]);
        $client = $this->tab($this->module($this->row), 'tabClientActivity');
        $texts = ['2026-11-20 10:00 UTC', 'Reboot', 'Client', 'Done', 'Add volume', 'Staff', 'Failed: No capacity'];
        foreach ($texts as $text) {
            self::assertStringContainsString($text, $client);
        }
        self::assertStringNotContainsString('node 9', $client);
        self::assertStringContainsString('tabClientActivity/Mg/"', $client);
        $staff = $this->tab($this->module($this->row), 'tabActivity', null, ['1', '2', 'x', 'Mg']);
        self::assertStringContainsString('node 9', $staff);
        self::assertStringContainsString('Staff member 3', $staff);
        $queries = array_column(self::$bridge->requests(), 'query');
        self::assertContains('order=newest_first&limit=20', $queries);
        self::assertContains('order=newest_first&limit=20&cursor=Mg', $queries);
    }

    /**
     * Proves that the graphs draw the metered values, with numbers beside them, and traffic against the plan's quota.
     */
    public function testUsage(): void
    {
        $html = $this->tab($this->module($this->row), 'tabClientUsage');
        self::assertSame(4, substr_count($html, '<svg'));
        self::assertStringContainsString('points="0.0,108.0 300.0,84.0 600.0,96.0"', $html);
        self::assertStringContainsString('average 20.0, at most 30.0', $html);
        self::assertStringContainsString('9.0 GiB of 1000 GiB used.', $html);
        self::assertMatchesRegularExpression('/<meter min="0" max="1000" high="900"\s+value="9.0"/', $html);
        self::assertSame(3, substr_count($html, '<tr>') - 1, 'a line for each hour');
    }

    /**
     * Proves that a period is chosen by navigation, over days the table has a line a day, and nonsense means a day.
     */
    public function testPeriodsOfUsage(): void
    {
        $html = $this->tab($this->module($this->row), 'tabClientUsage', null, ['1', 'x', 'week']);
        self::assertSame(1, substr_count($html, '<tr>') - 1);
        self::assertStringContainsString('<td>6144.0</td>', $html);
        $html = $this->tab($this->module($this->row), 'tabClientUsage', null, ['1', 'x', '"><b>']);
        self::assertMatchesRegularExpression('/aria-current="page"\s+href="[^"]*\/day\/"/', $html);
    }

    /**
     * Proves that usage that cannot be read, or that is not there, is said and not drawn.
     */
    public function testNoUsage(): void
    {
        $this->bridgeWith(['GET /v1/services/*/usage' => [self::problem(503, 'provider_unavailable')]]);
        $html = $this->tab($this->module($this->row), 'tabClientUsage');
        self::assertStringContainsString('usage cannot be read', $html);
        $this->bridgeWith([], ['instance_id' => null]);
        $html = $this->tab($this->module($this->row), 'tabClientUsage');
        self::assertStringContainsString('no machine yet', $html);
        self::assertStringNotContainsString('<svg', $html);
    }

    /**
     * Proves that addresses and volumes are counted against the package, and the primary address cannot be removed.
     */
    public function testLimitsAreShown(): void
    {
        $network = $this->tab($this->module($this->row), 'tabClientNetwork');
        self::assertStringContainsString('2 / 3', $network);
        self::assertSame(1, substr_count($network, 'submit_remove_address'));
        $storage = $this->tab($this->module($this->row), 'tabClientStorage');
        self::assertStringContainsString('1 / 2', $storage);
        self::assertStringContainsString('at most 100', $storage);
    }
}
